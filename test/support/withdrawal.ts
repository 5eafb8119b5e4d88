/** Withdraws as an operator does, on a test's own database and clock. */
import type { Clock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { withdraw, type WithdrawDeps, type WithdrawRequest } from '../../src/server/operations/withdraw.ts';
import type { Database } from '../../src/storage/database.ts';
import type { Withdrawal } from '../../src/storage/exposures/withdrawal-records.ts';

/** Of an ordinary installation. */
export const maxIntervalAgeSeconds = 15 * 86_400;

/** What withdrawing works with. */
export function withdrawDeps({ database, clock }: { database: Database; clock: Clock }): WithdrawDeps {
  const logger = createLogger({ level: 'silent', pretty: false });
  return { database, clock, settings: { maxIntervalAgeSeconds }, logger };
}

/** Of all times, unless told otherwise. */
export function withdrawalOf(
  change: Pick<WithdrawRequest, 'scope' | 'name'> & Partial<WithdrawRequest>,
): WithdrawRequest {
  return { since: null, until: null, actor: 'test', ...change };
}

/** Withdraws all keys of the sample app. */
export async function withdrawSampleApp(deps: { database: Database; clock: Clock }): Promise<Withdrawal> {
  const request = withdrawalOf({ scope: 'app', name: 'org.example.health' });
  return await withdraw(withdrawDeps(deps), request, new AbortController().signal);
}

/** How many keys are gone that could still be sent. */
export async function countTombstones(database: Database): Promise<number> {
  const { rows } = await database.query<{ n: number }>('select count(*)::integer as n from tombstones');
  return rows[0]!.n;
}
