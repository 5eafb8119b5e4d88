/** Withdraws keys that came by one app, health authority, partner or import. */
import { AppError } from '../../domain/errors.ts';
import { windowStart } from '../../domain/windows.ts';
import type { WithdrawalCounts, WithdrawalScope, WithdrawnKeys } from '../../domain/withdrawal/withdrawal.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Job } from '../../platform/jobs.ts';
import type { Logger } from '../../platform/logger.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Database } from '../../storage/database.ts';
import { enterWindow, readWindowState } from '../../storage/windows.ts';
import {
  countWithdrawable,
  lockWithdrawal,
  recordWithdrawal,
  unfinishedWithdrawals,
  withdrawChunk,
  type Withdrawal,
} from '../../storage/exposures/withdrawal-records.ts';
import { isKnownSubject, subjectNames, type SubjectNames } from '../../storage/exposures/withdrawal-subjects.ts';

/** What withdrawing works with. */
export interface WithdrawDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: {
    /** ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH. */
    readonly maxIntervalAgeSeconds: number;
  };
  readonly logger: Logger;
}

/** Which keys, and who asks. */
export interface WithdrawRequest extends WithdrawnKeys {
  readonly actor: string;
}

/** Rows of one transaction: short enough that publishes wait for none. */
const chunkRows = 5_000;
/** Names that a refusal lists. */
const mostNames = 20;

const nothingNamed: Readonly<Record<WithdrawalScope, readonly [code: string, text: string]>> = {
  app: ['app_not_found', 'no app has this id'],
  authority: ['health_authority_not_found', 'no health authority has this issuer'],
  partner: ['partner_not_found', 'no partner has this name'],
  import: ['import_not_found', 'no import has this name'],
};

/**
 * Withdraws, with an audit row. Once it is put down it is done, if not by this call then by the job: stopped anywhere, it
 * goes on where it was. Keys that come while it runs may be left: stop what brings them first.
 * @throws AppError not_found with the names there are; invalid `bad_withdrawal_period`; unavailable; the signal's reason
 */
export async function withdraw(deps: WithdrawDeps, request: WithdrawRequest, signal: AbortSignal): Promise<Withdrawal> {
  const { database, clock, logger } = deps;
  const keys = await resolve(deps, request);
  const withdrawal = await database.transaction(async (client) => {
    const at = await databaseTime(client, clock);
    const recorded = await recordWithdrawal(client, { ...keys, at, actor: request.actor });
    const { scope, name, since, until } = recorded;
    const change = { id: recorded.id, since, until };
    await recordAudit(client, { actor: request.actor, action: 'withdraw', subject: `${scope}/${name}`, change, at });
    return recorded;
  });
  const { id, scope, name } = withdrawal;
  logger.warn({ actor: request.actor, withdrawal: id, scope, name }, 'keys are withdrawn');
  return await goOn(deps, withdrawal, signal);
}

/**
 * Counts what {@link withdraw} would find now, and changes nothing.
 * @throws as it
 */
export async function countWithdrawal(deps: WithdrawDeps, request: WithdrawnKeys): Promise<WithdrawalCounts> {
  return await countWithdrawable(deps.database, await resolve(deps, request), deps.clock);
}

/** `withdrawals.finish`: goes on with what a process that ended has left. */
export function withdrawalJob(deps: WithdrawDeps): Job {
  return {
    name: 'withdrawals.finish',
    run: async (_payload, { signal }) => {
      await finishWithdrawals(deps, signal);
    },
  };
}

/** Goes on with every withdrawal that is not done. */
export async function finishWithdrawals(deps: WithdrawDeps, signal: AbortSignal): Promise<void> {
  for (const withdrawal of await unfinishedWithdrawals(deps.database)) await goOn(deps, withdrawal, signal);
}

/** A window belongs to the period that begins in it: a key is known by its window alone. */
async function resolve(
  { database }: WithdrawDeps,
  { scope, name: sentName, since, until }: WithdrawnKeys,
): Promise<WithdrawnKeys> {
  if (since !== null && until !== null && since >= until) {
    throw new AppError('invalid', 'bad_withdrawal_period', 'since must be before until');
  }
  const name = scope === 'app' ? sentName.toLowerCase() : sentName;
  // PostgreSQL has no NUL in text.
  const isKnown = !name.includes('\0') && (await isKnownSubject(database, { scope, name }));
  if (!isKnown) throw notFound(scope, await subjectNames(database, scope, mostNames));
  const { truncateSeconds } = await readWindowState(database);
  return { scope, name, since: since && windowStart(since, truncateSeconds), until };
}

async function goOn(deps: WithdrawDeps, begun: Withdrawal, signal: AbortSignal): Promise<Withdrawal> {
  const { database, clock, settings, logger } = deps;
  let withdrawal = begun;
  while (withdrawal.finishedAt === null) {
    signal.throwIfAborted();
    withdrawal = await database.transaction(async (client) => {
      const current = await lockWithdrawal(client, begun.id);
      if (current.finishedAt !== null) return current;
      const window = await enterWindow(client, clock);
      const { maxIntervalAgeSeconds } = settings;
      return await withdrawChunk(client, current, { window, maxIntervalAgeSeconds, chunkRows, clock });
    });
  }
  const { id, scope, name, withdrawn, deleted } = withdrawal;
  logger.warn({ withdrawal: id, scope, name, withdrawn, deleted }, 'keys were withdrawn');
  return withdrawal;
}

function notFound(scope: WithdrawalScope, { configured, former }: SubjectNames): AppError {
  const [code, text] = nothingNamed[scope];
  const details = [
    configured.length === 0 ? 'none is configured; `enmesh apply` adds some' : `there are ${configured.join(', ')}`,
    ...(former.length === 0 ? [] : [`no longer configured, but their keys may be here: ${former.join(', ')}`]),
  ];
  return new AppError('not_found', code, text, { details });
}
