/** Two installations as processes: the federation role of one is killed in the middle of what it pulls and of what is pushed to it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Database } from '../../src/storage/database.ts';
import { eventually } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { startRoles } from '../support/installed.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

/** Of each region: several batches. */
const keysOfEach = 3_000;
/** BB pulls the first and is pushed the second. */
const regions = ['AA', 'AX'] as const;
/** Where storing stops, and the process with it: within the second batch of what is pulled and pushed, and within the third. */
const stops = [
  ['AA', 1_500],
  ['AX', 1_500],
  ['AX', 2_600],
] as const;

/** Everybody is who he says: what each shows and wants. */
const audience = 'https://partners.example';

interface Installation {
  readonly playground: Playground;
  readonly database: Database;
}

async function openInstallation({ url, database }: TestDatabase): Promise<Installation & AsyncDisposable> {
  const settings = { ...serveSettings(url), ENMESH_FEDERATION_INTERVAL: '1s' };
  const playground = await Playground.open(settings);
  playground.env['ENMESH_IDENTITY_ISSUER'] = playground.gatewayUrl;
  return { playground, database, [Symbol.asyncDispose]: async () => await playground[Symbol.asyncDispose]() };
}

/** Starts roles with one partner. */
async function start(
  { playground }: Installation,
  roles: readonly string[],
  partner: { readonly name: string; readonly of: Installation; readonly rules: object },
): Promise<void> {
  const { name, of, rules } = partner;
  const identity = { issuer: of.playground.gatewayUrl, subject: 'federation', audience };
  const address = of.playground.env['ENMESH_FEDERATION_ADDRESS'];
  const configuration = join(playground.dataDir, 'configuration.yaml');
  const partners = [{ name, address, identity, ourAudience: audience, ...rules }];
  await writeFile(configuration, JSON.stringify({ partners }));
  await startRoles(playground, roles, { ENMESH_CONFIG: configuration });
}

/** The n-th key of a region, in their order. SQL, with $1 = the region. */
const nthKey = `decode(lpad(to_hex(n), 8, '0') || left(md5($1 || n), 24), 'hex')`;

/** Published in a window that is closed. */
async function publish({ database }: Installation, region: string): Promise<void> {
  await database.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                            days_since_onset, traveler, regions)
     select ${nthKey}, (select closed_through from window_state) - interval '1 hour',
            (extract(epoch from clock_timestamp()) / 600)::integer - 300 + n % 7, 100 + n % 45, 1 + n % 7, 1, n % 10,
            n % 3 = 0, array[$1] from generate_series(1, $2) as n`,
    [region, keysOfEach],
  );
}

/** Keeps the place of a key taken, as a publish does that never ends; whoever stores that key waits. */
async function takePlace({ database }: Installation, region: string, n: number) {
  const taken = Promise.withResolvers<number>();
  const released = Promise.withResolvers<undefined>();
  const holding = database
    .transaction(async (client) => {
      await client.query('set local idle_in_transaction_session_timeout = 0');
      const { rows } = await client.query<{ pid: number }>(
        `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                                regions)
         select ${nthKey}, clock_timestamp(), 1, 144, 1, 1, false, '{}' from (values ($2::integer)) as v (n)
         returning pg_backend_pid() as pid`,
        [region, n],
      );
      taken.resolve(rows[0]!.pid);
      await released.promise;
      throw new Error('rolled back');
    })
    .catch((error: unknown) => {
      if (error instanceof Error && error.message === 'rolled back') return;
      taken.reject(error);
      throw error;
    });
  const pid = await taken.promise;
  return {
    isWaitedFor: async () => {
      const waiting = 'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))';
      return (await database.query(waiting, [pid])).rows.length > 0;
    },
    release: async () => {
      released.resolve(undefined);
      await holding;
    },
  };
}

/** Time passes: leases of whoever is gone are over, and so is every pause after a failure. */
async function letTimePass(...installations: readonly Installation[]): Promise<void> {
  for (const { database } of installations) {
    await database.query(`update partner_exchanges set lease_expires = '-infinity', not_before = null`);
  }
}

/** Keeps A from pushing until time passes. */
async function keepFromPushing({ database }: Installation): Promise<void> {
  await database.query(
    `insert into partner_exchanges (partner_id, direction, lease_owner, lease_expires)
     select id, 'push', gen_random_uuid(), 'infinity' from partners
     on conflict (partner_id, direction) do update
       set lease_owner = excluded.lease_owner, lease_expires = excluded.lease_expires`,
  );
}

async function storedKeys({ database }: Installation): Promise<readonly object[]> {
  const { rows } = await database.query<object>(
    `select encode(key, 'hex') as key, interval_start, interval_count, transmission_risk, report_type, days_since_onset,
            traveler, regions from exposures order by key`,
  );
  return rows;
}

it('a killed federation role leaves nothing out and nothing twice, pulling or being pushed to', async () => {
  await using stack = new AsyncDisposableStack();
  const aa = stack.use(await openInstallation(stack.use(await createTestDatabase())));
  const bb = stack.use(await openInstallation(stack.use(await createTestDatabase())));
  const ofBb = { name: 'bb', of: bb, rules: { serve: { regions: ['AA'] }, push: { regions: ['AX'] } } };
  const ofAa = { name: 'aa', of: aa, rules: { pull: { regions: ['AA'] }, accept: { regions: ['AX'] } } };
  await Promise.all([start(aa, ['server', 'federation', 'gateway'], ofBb), start(bb, ['server', 'gateway'], ofAa)]);
  for (const region of regions) await publish(aa, region);
  await keepFromPushing(aa);
  const startVictim = async () =>
    await startRoles(bb.playground, ['federation'], { ENMESH_METRICS_ADDRESS: '127.0.0.1:0' });

  const places = [];
  for (const [region, n] of stops) places.push({ region, ...(await takePlace(bb, region, n)) });
  let victim = await startVictim();
  for (const { region, isWaitedFor, release } of places) {
    const isPushed = region === 'AX';
    if (isPushed) await letTimePass(aa);
    await eventually(isWaitedFor, Infinity);
    await victim.end('SIGKILL');
    await release();
    await letTimePass(...(isPushed ? [aa, bb] : [bb]));
    victim = await startVictim();
  }

  const wanted = await storedKeys(aa);
  expect(wanted).toHaveLength(2 * keysOfEach);
  await eventually(async () => (await storedKeys(bb)).length === wanted.length, Infinity);
  expect(await storedKeys(bb)).toEqual(wanted);
  const { rows: pulls } = await bb.database.query('select keys::integer, refused_keys::integer from partner_exchanges');
  expect(pulls).toEqual([{ keys: keysOfEach, refused_keys: 0 }]);
  const { rows: batches } = await bb.database.query<{ verdicts: Buffer }>('select verdicts from pushed_batches');
  expect(Buffer.concat(batches.map(({ verdicts }) => verdicts))).toEqual(Buffer.alloc(keysOfEach, 1));
  expect((await bb.database.query('select from partner_quarantine')).rows).toEqual([]);
}, 240_000);
