/** Withdrawals: which keys they take, that they are counted, recorded and finished, and that what was withdrawn stays away. */
import { describe, expect, it } from 'vitest';
import { WithdrawalScope } from '../../../src/gen/enmesh/operations/v1/operations.ts';
import type { WithdrawalScope as Scope } from '../../../src/domain/withdrawal/withdrawal.ts';
import { withdraw, withdrawalJob } from '../../../src/server/operations/withdraw.ts';
import type { Database } from '../../../src/storage/database.ts';
import { enterWindow } from '../../../src/storage/windows.ts';
import { withdrawKeys } from '../../../src/storage/exposures/withdrawals.ts';
import { insertAuthority } from '../../support/authority.ts';
import { ago, now } from '../../support/cleanup.ts';
import { auditRows, startOperations, type OperationsFixture } from '../../support/operations.ts';
import { countTombstones, maxIntervalAgeSeconds, withdrawalOf } from '../../support/withdrawal.ts';
import { refusalOf } from '../publish/publisher.ts';

const hour = 3600;
const never = new AbortController().signal;

/** Columns that tell what a key came by, and the name of the only row that they may name. */
const scopes = [
  ['app', 'app_id', 'org.example.health', WithdrawalScope.APP],
  ['authority', 'health_authority_id', 'https://verify.example.org', WithdrawalScope.HEALTH_AUTHORITY],
  ['partner', 'partner_id', 'bb', WithdrawalScope.PARTNER],
  ['import', 'import_id', 'cc', WithdrawalScope.IMPORT],
] as const satisfies readonly (readonly [Scope, string, string, WithdrawalScope])[];

/** With one of each kind. */
async function start(): Promise<OperationsFixture> {
  const operations = await startOperations();
  const { database } = operations.deps;
  await insertAuthority(database);
  await database.query(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience,
                           require_server_identity)
     values ('bb', 'bb.example:443', 'https://id.bb.example', 'federation', 'aa', 'bb', true);
     insert into imports (name, index_url, base_url, region, traveler)
     values ('cc', 'https://cc.example/index.txt', 'https://cc.example/', 'CC', false)`,
  );
  return operations;
}

/** Keys of the windows that begin so many hours before the present one; their first byte is what is given. */
async function insertKeys(
  database: Database,
  { column, first, hoursAgo }: { column: string | null; first: number; hoursAgo: readonly number[] },
): Promise<void> {
  for (const [index, hours] of hoursAgo.entries()) {
    await database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                              regions ${column === null ? '' : `, ${column}`})
       values ($1, $2, $3, 144, 2, 1, false, '{AA}' ${column === null ? '' : ', 1'})`,
      [Buffer.alloc(16, first + index), ago(hours * hour), Math.floor(now.getTime() / 600_000) - 300],
    );
  }
}

/** First byte of each stored key, and hours before the present window that it is withdrawn in; null = it is not. */
async function stored(database: Database): Promise<Record<number, number | null>> {
  const { rows } = await database.query<{ key: Buffer; withdrawn_at: Date | null }>(
    'select key, withdrawn_at from exposures order by key',
  );
  const hours = (at: Date | null) => at && (now.getTime() - at.getTime()) / 1000 / hour;
  return Object.fromEntries(rows.map(({ key, withdrawn_at }) => [key[0]!, hours(withdrawn_at)]));
}

describe('a withdrawal', () => {
  it.each(scopes)('of %s takes the keys that came by it, and no others', async (scope, column, name, wanted) => {
    await using operations = await start();
    const { client, deps } = operations;
    await insertKeys(deps.database, { column, first: 1, hoursAgo: [48, 1, 0, -24] });
    for (const [index, [, other]] of scopes.entries()) {
      if (other !== column) await insertKeys(deps.database, { column: other, first: 10 + index, hoursAgo: [1] });
    }
    await insertKeys(deps.database, { column: null, first: 20, hoursAgo: [1, 0] });
    const others = Object.fromEntries(
      Object.keys(await stored(deps.database))
        .filter((key) => Number(key) >= 10)
        .map((key) => [key, null]),
    );

    const counts = { withdrawnKeys: 2n, deletedKeys: 2n };
    const copied = { copyPending: false };
    expect(await client.withdraw({ scope: wanted, name, dryRun: true })).toEqual({ id: 0n, ...counts, ...copied });
    expect(await stored(deps.database)).toEqual({ 1: null, 2: null, 3: null, 4: null, ...others });
    expect(await client.withdraw({ scope: wanted, name })).toEqual({ id: 1n, ...counts, ...copied });
    expect(await stored(deps.database)).toEqual({ 1: 0, 2: 0, ...others });
    expect(await countTombstones(deps.database)).toBe(2);
    expect(await client.withdraw({ scope: wanted, name })).toMatchObject({
      id: 2n,
      withdrawnKeys: 0n,
      deletedKeys: 0n,
    });
    const record = {
      scope: wanted,
      name,
      since: undefined,
      until: undefined,
      at: now,
      actor: 'local',
      finishedAt: now,
    };
    expect((await client.listWithdrawals({})).withdrawals).toEqual([
      { id: 2n, ...record, withdrawnKeys: 0n, deletedKeys: 0n },
      { id: 1n, ...record, ...counts },
    ]);
    expect(await auditRows(deps)).toMatchObject([
      { actor: 'local', action: 'withdraw', subject: `${scope}/${name}`, change: { id: '1' } },
      { action: 'withdraw', change: { id: '2' } },
    ]);
  });

  it('has a first window, which since lies in, and a last one, which begins before until', async () => {
    await using operations = await start();
    const { client, deps } = operations;
    await insertKeys(deps.database, { column: 'app_id', first: 1, hoursAgo: [5, 4, 3, 2, 1] });
    const since = ago(4 * hour - 1799);
    const period = { since, until: ago(2 * hour) };
    const request = { scope: WithdrawalScope.APP, name: 'ORG.example.health', ...period };
    for (const dryRun of [true, false]) {
      expect(await client.withdraw({ ...request, dryRun })).toMatchObject({ withdrawnKeys: 2n, deletedKeys: 0n });
    }
    expect(await stored(deps.database)).toEqual({ 1: null, 2: 0, 3: 0, 4: null, 5: null });
    expect((await client.listWithdrawals({ limit: 1 })).withdrawals).toMatchObject([
      { name: 'org.example.health', since: ago(4 * hour), until: ago(2 * hour) },
    ]);
  });

  it.each([
    [WithdrawalScope.APP, 'app_not_found', 'there are org.example.health'],
    [WithdrawalScope.HEALTH_AUTHORITY, 'health_authority_not_found', 'there are https://verify.example.org'],
    [WithdrawalScope.PARTNER, 'partner_not_found', 'there are bb'],
    [WithdrawalScope.IMPORT, 'import_not_found', 'there are cc'],
  ])('of kind %i on an unknown name is refused with the names there are', async (scope, code, detail) => {
    await using operations = await start();
    for (const name of ['', 'nobody', 'a\0']) {
      const refusal = await refusalOf(operations.client.withdraw({ scope, name }));
      expect(refusal).toMatchObject({ kind: 'not_found', code, details: [detail] });
    }
    expect(await auditRows(operations.deps)).toEqual([]);
    expect(await operations.client.listWithdrawals({})).toEqual({ withdrawals: [], copyPending: false });
  });

  it('wants a kind, and a period that is one', async () => {
    await using operations = await start();
    const { client } = operations;
    expect(await refusalOf(client.withdraw({ name: 'bb' }))).toMatchObject({ code: 'bad_withdrawal_scope' });
    const request = { scope: WithdrawalScope.PARTNER, name: 'bb' };
    for (const dryRun of [true, false]) {
      const refusal = refusalOf(client.withdraw({ ...request, dryRun, since: now, until: now }));
      expect(await refusal).toMatchObject({ kind: 'invalid', code: 'bad_withdrawal_period' });
    }
    expect(await client.withdraw({ ...request, since: ago(1), until: now })).toMatchObject({ withdrawnKeys: 0n });
  });
});

describe('a withdrawal of more keys than one transaction takes', () => {
  /** More than two chunks, of which the last windows are not published yet. */
  async function insertMany(database: Database): Promise<void> {
    await database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                              regions, partner_id)
       select decode(lpad(to_hex(n), 32, '0'), 'hex'), $1::timestamptz - make_interval(hours => 12000 / 1000 - n / 1000),
              $2, 144, 2, 1, false, '{AA}', case when n % 3 > 0 then 1 end
         from generate_series(1, 12600) as n`,
      [now, Math.floor(now.getTime() / 600_000) - 300],
    );
  }

  async function withdrawn(database: Database): Promise<number> {
    const { rows } = await database.query<{ n: number }>(
      'select count(*)::integer as n from exposures where withdrawn_at is not null',
    );
    return rows[0]!.n;
  }

  it('that ends in the middle is finished by the job, once, whoever else works on it', async () => {
    await using operations = await start();
    const { deps, client } = operations;
    await insertMany(deps.database);
    const killed = new AbortController();
    const database = {
      query: (...args: Parameters<Database['query']>) => deps.database.query(...args),
      transaction: async (work: Parameters<Database['transaction']>[0]) => {
        const result = await deps.database.transaction(work);
        if ((await withdrawn(deps.database)) > 0) killed.abort();
        return result;
      },
    } as unknown as Database;
    const dying = { ...deps, database };
    const request = withdrawalOf({ scope: 'partner', name: 'bb' });
    await expect(withdraw(dying, request, killed.signal)).rejects.toThrow('aborted');
    const first = await withdrawn(deps.database);
    expect(first).toBeGreaterThan(3_000);
    expect(first).toBeLessThan(3_500);
    const [begun] = (await client.listWithdrawals({})).withdrawals;
    expect(begun).toMatchObject({ withdrawnKeys: BigInt(first), deletedKeys: 0n, finishedAt: undefined });

    const jobs = [1, 2].map(() => withdrawalJob(deps).run(undefined, { signal: never } as never));
    await Promise.all(jobs);
    const [finished] = (await client.listWithdrawals({})).withdrawals;
    expect(finished).toMatchObject({ id: begun!.id, withdrawnKeys: 8000n, deletedKeys: 400n, finishedAt: now });
    expect([await withdrawn(deps.database), await countTombstones(deps.database)]).toEqual([8000, 400]);
    const { rows } = await deps.database.query(
      'select from exposures where partner_id is null and withdrawn_at is null',
    );
    expect(rows).toHaveLength(4200);
  });
});

describe('Federation decision 8: keys that a partner takes back', () => {
  it('are withdrawn where they came from it, once, and nothing else is touched', async () => {
    await using operations = await start();
    const { database, clock } = operations.deps;
    await insertKeys(database, { column: 'partner_id', first: 1, hoursAgo: [1, 0] });
    await insertKeys(database, { column: 'app_id', first: 8, hoursAgo: [1] });
    const keys = [1, 2, 8, 9].map((byte) => Buffer.alloc(16, byte));
    const take = (partnerId: number) =>
      database.transaction(async (client) => {
        const window = await enterWindow(client, clock);
        const names = await withdrawKeys(client, { keys, partnerId, window, maxIntervalAgeSeconds });
        return Array.from(names, (name) => name.charCodeAt(0)).sort();
      });
    expect(await take(2)).toEqual([]);
    expect(await take(1)).toEqual([1, 2]);
    expect(await take(1)).toEqual([]);
    expect(await stored(database)).toEqual({ 1: 0, 8: null });
    expect(await countTombstones(database)).toBe(1);
  });
});
