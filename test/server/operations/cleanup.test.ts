/** Clean-up deletes what is older than it may be, and not a second earlier. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanUp, type CleanupDeps } from '../../../src/server/operations/cleanup.ts';
import { openBlobStore } from '../../../src/storage/blob/open.ts';
import type { Database } from '../../../src/storage/database.ts';
import { insertAuthority } from '../../support/authority.ts';
import {
  ago,
  cleanupDeps,
  FaultyBlobStore,
  fileStatuses,
  graceSeconds,
  insertBatch,
  insertExport,
  insertExposure,
  insertFile,
  now,
  retentionSeconds,
} from '../../support/cleanup.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { countPublishes } from '../../support/statistics.ts';

let dir: string;
let blobStore: FaultyBlobStore;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'enmesh-cleanup-'));
  blobStore = new FaultyBlobStore(await openBlobStore({ kind: 'filesystem', dir }));
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const never = new AbortController().signal;

async function run(deps: CleanupDeps) {
  return await cleanUp(deps, never);
}

async function putBlob(name: string): Promise<void> {
  const options = { contentType: 'application/zip', cacheControl: 'no-store', onlyIfAbsent: false };
  await blobStore.put({ bucket: 'exports', name }, Buffer.from('zip'), options);
}

async function exists(name: string): Promise<boolean> {
  return (await blobStore.stat({ bucket: 'exports', name })) !== null;
}

async function writeIndex(database: Database): Promise<void> {
  await database.query('update exports set index_written = index_wanted');
}

async function count(
  database: Database,
  table: 'exposures' | 'batches' | 'receipts' | 'padding_keys',
): Promise<number> {
  const { rows } = await database.query<{ n: number }>(`select count(*)::integer as n from ${table}`);
  return rows[0]?.n ?? -1;
}

describe('cleaning up rows', () => {
  it('keeps a key of exactly the retention and deletes one that is older', async () => {
    await using test = await createTestDatabase();
    await insertExposure(test.database, 1, ago(retentionSeconds));
    await insertExposure(test.database, 2, ago(retentionSeconds + 1));
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ exposures: 1 });
    const { rows } = await test.database.query<{ key: Buffer }>('select key from exposures');
    expect(rows.map(({ key }) => key[0])).toEqual([1]);
  });

  it('keeps a revised key until its revision is old too', async () => {
    await using test = await createTestDatabase();
    await insertExposure(test.database, 1, ago(retentionSeconds + 9), ago(retentionSeconds));
    await insertExposure(test.database, 2, ago(retentionSeconds + 9), ago(retentionSeconds + 1));
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ exposures: 1 });
    expect(await count(test.database, 'exposures')).toBe(1);
  });

  it('deletes more than fits into one statement, whatever stays between', async () => {
    await using test = await createTestDatabase();
    await test.database.query(
      `insert into exposures (key, created_at, revised_at, interval_start, interval_count, transmission_risk,
                              report_type, traveler, regions)
       select decode(lpad(to_hex(n), 32, '0'), 'hex'), $1::timestamptz - make_interval(secs => 1 + n / 1000),
              case when n % 100 = 0 then $1::timestamptz end, 2900000, 144, 2, 1, false, '{AA}'
         from generate_series(1, 12000) as n`,
      [ago(retentionSeconds)],
    );
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ exposures: 11_880 });
    expect(await count(test.database, 'exposures')).toBe(120);
  });

  it('deletes receipts once they have expired, and padding of the retention', async () => {
    await using test = await createTestDatabase();
    await test.database.query(
      `insert into receipts (certificate_hash, content_hash, inserted, expires_at, answered_interval)
       values ('\\x01', '\\x01', 1, $1, 0), ('\\x02', '\\x02', 1, $2, 0)`,
      [now, ago(1)],
    );
    await test.database.query(
      `insert into padding_keys (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                                 traveler, regions)
       select decode(lpad(to_hex(n), 32, '0'), 'hex'), $1::timestamptz - make_interval(secs => n), 2900000, 144, 2, 1,
              false, '{AA}' from generate_series(0, 1) as n`,
      [ago(retentionSeconds)],
    );
    const counts = await run(cleanupDeps(test.database, blobStore));
    expect(counts).toMatchObject({ receipts: 1, paddingKeys: 1 });
    expect([await count(test.database, 'receipts'), await count(test.database, 'padding_keys')]).toEqual([1, 1]);
  });

  it('deletes counters of publishes by whole days, and those of the oldest day that may be shown stay', async () => {
    await using test = await createTestDatabase();
    const { authorityRowId } = await insertAuthority(test.database);
    const times = ['2026-03-05T00:00:00Z', '2026-03-05T23:00:00Z', '2026-03-06T00:00:00Z', '2026-03-06T09:00:00Z'];
    for (const time of times) await countPublishes(test.database, authorityRowId, time, 1);
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ statistics: 2 });
    const { rows } = await test.database.query<{ hour: Date }>('select hour from health_authority_stats order by hour');
    expect(rows.map(({ hour }) => hour)).toEqual(times.slice(2).map((time) => new Date(time)));
  });

  it('leaves to the next run what a transaction holds', async () => {
    await using test = await createTestDatabase();
    const deps = cleanupDeps(test.database, blobStore);
    await insertExposure(test.database, 1, ago(retentionSeconds + 1));
    await test.database.transaction(async (client) => {
      await client.query('select from exposures for update');
      expect(await run(deps)).toMatchObject({ exposures: 0 });
    });
    expect(await run(deps)).toMatchObject({ exposures: 1 });
  });

  it('stops when it is asked to', async () => {
    await using test = await createTestDatabase();
    await insertExposure(test.database, 1, ago(retentionSeconds + 1));
    expect(await cleanUp(cleanupDeps(test.database, blobStore), AbortSignal.abort())).toMatchObject({ exposures: 0 });
  });
});

describe('cleaning up files', () => {
  /** Its window began so many seconds before the retention. */
  async function insertListed(database: Database, name: string, secondsOver: number): Promise<void> {
    const batch = await insertBatch(database, ago(retentionSeconds - 4 * 3600 + secondsOver));
    await insertFile(database, batch, { name, status: 'listed' });
    await putBlob(name);
  }

  it('takes a file out of the index once its window began as long ago as the retention', async () => {
    await using test = await createTestDatabase();
    await insertExport(test.database);
    await insertListed(test.database, 'aa/stays', -1);
    await insertListed(test.database, 'aa/goes', 0);
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ unlistedFiles: 1, deletedFiles: 0 });
    expect(await fileStatuses(test.database)).toEqual({ 'aa/stays': 'listed', 'aa/goes': 'unlisted' });
    const { rows } = await test.database.query('select index_wanted, index_written from exports');
    expect(rows).toEqual([{ index_wanted: '2', index_written: '1' }]);
  });

  it('deletes a file when the grace is over, counted from the index without it', async () => {
    await using test = await createTestDatabase();
    const deps = cleanupDeps(test.database, blobStore);
    await insertExport(test.database);
    await insertListed(test.database, 'aa/old', 0);
    await run(deps);
    deps.clock.advance(3 * graceSeconds * 1000);
    await run(deps);
    expect(await exists('aa/old')).toBe(true);

    await writeIndex(test.database);
    deps.clock.advance(graceSeconds * 1000);
    expect(await run(deps)).toMatchObject({ deletedFiles: 0 });
    deps.clock.advance(1000);
    expect(await run(deps)).toMatchObject({ deletedFiles: 1 });
    expect(await exists('aa/old')).toBe(false);
    expect(await run(deps)).toMatchObject({ deletedFiles: 0 });
  });

  it('deletes no file while a newer index is wanted', async () => {
    await using test = await createTestDatabase();
    const deps = cleanupDeps(test.database, blobStore);
    await insertExport(test.database);
    const batch = await insertBatch(test.database, now);
    const unlistedAt = ago(graceSeconds + 1);
    await insertFile(test.database, batch, { name: 'aa/replaced', status: 'unlisted', unlistedAt });
    await test.database.query('update exports set index_wanted = 5, index_written = 4');
    expect(await run(deps)).toMatchObject({ deletedFiles: 0 });
    await writeIndex(test.database);
    expect(await run(deps)).toMatchObject({ deletedFiles: 0 });
    deps.clock.advance((graceSeconds + 1) * 1000);
    expect(await run(deps)).toMatchObject({ deletedFiles: 1 });
  });

  it('goes on with the other files when one cannot be deleted, and tries it again', async () => {
    await using test = await createTestDatabase();
    const deps = cleanupDeps(test.database, blobStore);
    await insertExport(test.database);
    const batch = await insertBatch(test.database, now);
    for (const name of ['aa/one', 'aa/two']) {
      await insertFile(test.database, batch, { name, status: 'unlisted', unlistedAt: ago(graceSeconds + 1) });
    }
    blobStore.failing.add('aa/one');
    await expect(run(deps)).rejects.toMatchObject({ kind: 'unavailable', code: 'cleanup_incomplete' });
    expect(await fileStatuses(test.database)).toEqual({ 'aa/one': 'unlisted', 'aa/two': 'deleted' });
    blobStore.failing.clear();
    expect(await run(deps)).toMatchObject({ deletedFiles: 1 });
  });
});

describe('cleaning up batches', () => {
  const limit = retentionSeconds + graceSeconds;

  it('deletes those past retention and grace without files, but for the newest of an export', async () => {
    await using test = await createTestDatabase();
    await insertExport(test.database);
    await insertBatch(test.database, ago(limit));
    await insertFile(test.database, await insertBatch(test.database, ago(limit + 1)), {
      name: 'aa/gone',
      status: 'deleted',
    });
    await insertFile(test.database, await insertBatch(test.database, ago(limit + 2)), {
      name: 'aa/there',
      status: 'unlisted',
      unlistedAt: ago(1),
    });
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ batches: 1 });
    expect(await fileStatuses(test.database)).toEqual({ 'aa/there': 'unlisted' });
    await test.database.query(`update files set status = 'deleted'`);
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ batches: 1 });
    await test.database.query(
      `update batches set window_end = window_end - interval '90 days', window_start = '2020-01-01'`,
    );
    expect(await run(cleanupDeps(test.database, blobStore))).toMatchObject({ batches: 0 });
    expect(await count(test.database, 'batches')).toBe(1);
  });

  it('gives up those that were never built and whose keys are gone, unless a worker holds them', async () => {
    await using test = await createTestDatabase();
    await insertExport(test.database);
    const lost = await insertBatch(test.database, ago(retentionSeconds + 1), {
      status: 'pending',
      leaseExpires: ago(1),
    });
    await insertFile(test.database, lost, { name: 'aa/lost', status: 'uploaded' });
    await insertBatch(test.database, ago(retentionSeconds + 2), { status: 'pending', leaseExpires: ago(-60) });
    await insertBatch(test.database, ago(retentionSeconds), { status: 'open' });
    await run(cleanupDeps(test.database, blobStore));
    const { rows } = await test.database.query<{ status: string }>('select status from batches order by id');
    expect(rows.map(({ status }) => status)).toEqual(['deleted', 'pending', 'open']);
    expect(await fileStatuses(test.database)).toEqual({ 'aa/lost': 'unlisted' });
  });
});
