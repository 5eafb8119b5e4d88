/** A database that was restored to an earlier state, beside a bucket that was not. */
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { adoptPublishedFiles } from '../../../src/export/adopt/adopt.ts';
import { buildBatch } from '../../../src/export/batch/build.ts';
import { writeOutdatedIndexes } from '../../../src/export/index/write-index.ts';
import { ensureSigningKeys } from '../../../src/export/keys/ensure.ts';
import { rotateSigningKey } from '../../../src/export/keys/rotate.ts';
import type { BlobStore } from '../../../src/storage/blob/blob-store.ts';
import { exportPublicKeys } from '../../../src/storage/exports/signing-keys.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readBlob,
  readIndexLines,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportRole,
} from '../../support/export-role.ts';

const HOUR_MS = 3_600_000;
const options = { contentType: 'application/zip', cacheControl: 'no-cache', onlyIfAbsent: false } as const;

/** As a backup from before the first export would leave it; with `keys`, after the keys had been published. */
async function restore({ deps: { database } }: ExportRole, keep: { keys: boolean } = { keys: false }): Promise<void> {
  await database.query('delete from files');
  await database.query('delete from batches');
  await database.query('delete from padding_keys');
  if (!keep.keys) await database.query('delete from exposures');
  else await database.query('update exposures set revised_at = null, revised_report_type = null');
  await database.query('update exports set index_wanted = 1, index_written = 0');
}

async function adoptAndRun(role: ExportRole): Promise<number> {
  const adopted = await adoptPublishedFiles(role.deps);
  await runAll(role);
  return adopted;
}

async function published(role: ExportRole): Promise<ReadonlyMap<string, string | undefined>> {
  const lines = (await readIndexLines(role)) ?? [];
  return new Map(await Promise.all(lines.map(async (n) => [n, (await readBlob(role, n))?.toString('hex')] as const)));
}

function failingToRead(blobStore: BlobStore, name: string): BlobStore {
  return {
    put: (...values) => blobStore.put(...values),
    stat: (blob) => blobStore.stat(blob),
    read: async (blob, range) => {
      if (blob.name === name) throw new AppError('unavailable', 'blob_store_unavailable', 'out of order');
      return await blobStore.read(blob, range);
    },
    list: (bucket, prefix) => blobStore.list(bucket, prefix),
    delete: (blob) => blobStore.delete(blob),
  };
}

describe('Export decision 3: after a restore of the database', () => {
  it('published files stay listed, byte for byte, and their keys come back', async () => {
    await using role = await openExportRole({ minRecords: 20, paddingRange: 5 });
    await insertExport(role);
    const keys = await insertKeys(role.deps.database, { count: 7 });
    await runAll(role);
    role.clock.advance(HOUR_MS);
    const later = await insertKeys(role.deps.database, { count: 30, createdAt: new Date('2020-12-10T10:00:00Z') });
    await runAll(role);
    const before = await published(role);
    expect(before.size).toBe(2);

    await restore(role);
    expect(await adoptAndRun(role)).toBe(2);
    expect(await published(role)).toEqual(before);
    const { rows } = await role.deps.database.query<{ key: string }>(
      `select encode(key, 'hex') as key from exposures where adopted order by key`,
    );
    const back = rows.map(({ key }) => key);
    expect(back).toEqual(keysIn(await readPublishedFiles(role)).sort());
    expect(back).toEqual(expect.arrayContaining([...keys, ...later]));
    expect(await adoptAndRun(role)).toBe(0);
  });

  it('files of signing keys that were rotated are adopted too, though a new database knows their versions no longer', async () => {
    await using role = await openExportRole();
    const { database, clock } = role.deps;
    await insertExport(role);
    await insertKeys(database, { count: 3 });
    await runAll(role);
    await rotateSigningKey(role.deps, 'main', { overlapSeconds: 60, actor: 'test' });
    role.clock.advance(HOUR_MS);
    await insertKeys(database, { count: 3, createdAt: new Date('2020-12-10T10:00:00Z') });
    await runAll(role);
    const before = await published(role);
    expect(before.size).toBe(2);

    await restore(role);
    await database.query('delete from signing_key_versions');
    await ensureSigningKeys(role.deps, { createMissing: false });
    const { rows } = await database.query<{ id: number }>('select id from exports');
    const known = await exportPublicKeys(database, rows[0]!.id, { clock, ...role.deps.settings });
    expect(known.map(({ keyVersion }) => keyVersion)).toEqual(['v1']);
    expect(await adoptAndRun(role)).toBe(2);
    expect(await published(role)).toEqual(before);
  });

  it('keys that are here stay as they are, and their revisions come back', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database, { count: 5, revisedAt: WINDOW_START });
    await runAll(role);
    const before = await published(role);

    await restore(role, { keys: true });
    expect(await adoptAndRun(role)).toBe(1);
    expect(await published(role)).toEqual(before);
    const { rows } = await role.deps.database.query(
      `select count(*)::integer as keys from exposures
        where not adopted and revised_at = $1 and revised_report_type = 5 and revised_transmission_risk = 6`,
      [WINDOW_START],
    );
    expect(rows).toEqual([{ keys: keys.length }]);
  });

  it('all files of a split batch are adopted, and planning goes on behind them', async () => {
    await using role = await openExportRole({ maxRecords: 4 });
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 10 });
    await runAll(role);
    const before = await published(role);
    expect(before.size).toBe(3);

    await restore(role);
    expect(await adoptAndRun(role)).toBe(3);
    expect(await published(role)).toEqual(before);
    const { rows } = await role.deps.database.query('select status, keys, revised_keys from batches');
    expect(rows).toEqual([{ status: 'complete', keys: 10, revised_keys: 0 }]);

    role.clock.advance(HOUR_MS);
    const later = await insertKeys(role.deps.database, { count: 3, createdAt: new Date('2020-12-10T10:00:00Z') });
    await runAll(role);
    expect(keysIn((await readPublishedFiles(role)).slice(3))).toEqual(later);
  });

  it('a batch that was planned already becomes complete with its file', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 4 });
    await runAll(role);
    const before = await published(role);
    await role.deps.database.query('delete from files');
    await role.deps.database.query(
      `update batches set status = 'open', prepared_at = null, padding_decision = null, keys = null, completed_at = null`,
    );
    expect(await adoptAndRun(role)).toBe(1);
    expect(await published(role)).toEqual(before);
  });

  it('a batch that a worker takes before anybody has looked becomes complete with its file, whatever padding it would draw', async () => {
    await using role = await openExportRole({ minRecords: 20, paddingRange: 5 });
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 4 });
    const [batch] = await runAll(role);
    const before = await published(role);
    await role.deps.database.query('delete from files');
    await role.deps.database.query('delete from padding_keys');
    await role.deps.database.query(
      `update batches set status = 'open', prepared_at = null, padding_decision = null, keys = null, revised_keys = null,
              completed_at = null`,
    );
    await buildBatch(role.deps, batch!.id, { signal: AbortSignal.timeout(60_000), ignoreBackOff: true });
    await writeOutdatedIndexes(role.deps);
    expect(await published(role)).toEqual(before);
    const { rows } = await role.deps.database.query('select status, keys, last_error from batches');
    expect(rows).toMatchObject([{ status: 'complete', last_error: null }]);
  });

  it('no index is written over one whose files could not all be read, so none is published twice', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    for (const hour of [9, 10, 11]) {
      await insertKeys(role.deps.database, { count: 3, createdAt: new Date(Date.UTC(2020, 11, 10, hour)) });
      await runAll(role);
      role.clock.advance(HOUR_MS);
    }
    const before = await published(role);
    expect(before.size).toBe(3);
    await restore(role);
    const last = [...before.keys()].at(-1)!;
    const faulty = { ...role, deps: { ...role.deps, blobStore: failingToRead(role.deps.blobStore, last) } };
    expect(await adoptPublishedFiles(faulty.deps)).toBe(0);
    await runAll(faulty);
    await writeOutdatedIndexes(faulty.deps);
    expect([...(await published(role)).keys()]).toEqual([...before.keys()]);

    await adoptAndRun(role);
    await writeOutdatedIndexes(role.deps);
    expect(await published(role)).toEqual(before);
    expect(new Set(keysIn(await readPublishedFiles(role))).size).toBe(9);
  });

  it('windows before an adopted file that were never planned are, for keys that came back out of other exports', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 3 });
    await runAll(role);
    role.clock.advance(3 * HOUR_MS);
    const late = new Date('2020-12-10T12:00:00Z');
    await insertKeys(role.deps.database, { count: 3, createdAt: late });
    await runAll(role);
    const before = await published(role);
    const { database } = role.deps;
    await database.query(`delete from files where start_timestamp >= '2020-12-10T10:00:00Z'`);
    await database.query(`delete from batches where window_start >= '2020-12-10T10:00:00Z'`);

    const missed = await insertKeys(database, { count: 2, createdAt: new Date('2020-12-10T10:00:00Z') });
    expect(await adoptAndRun(role)).toBe(1);
    const after = await published(role);
    expect([...after.keys()].filter((name) => !before.has(name))).toEqual(['aa/1607594400-1607598000-00001.zip']);
    expect(keysIn(await readPublishedFiles(role))).toEqual(expect.arrayContaining(missed));
    expect(keysIn(await readPublishedFiles(role))).toHaveLength(8);
  });

  it('a file that no index lists is not published again: its keys are, under another name', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database, { count: 4 });
    await runAll(role);
    const [orphan] = (await readIndexLines(role))!;
    await role.deps.blobStore.put({ bucket: 'exports', name: 'aa/index.txt' }, Buffer.alloc(0), options);

    await restore(role);
    const bytes = await readBlob(role, orphan!);
    await adoptAndRun(role);
    expect(await readIndexLines(role)).toEqual(['aa/1607590801-1607594401-00001.zip']);
    expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
    expect(await readBlob(role, orphan!)).toEqual(bytes);
    const { rows } = await role.deps.database.query('select status from files where name = $1', [orphan]);
    expect(rows).toEqual([{ status: 'unlisted' }]);
  });

  it('what another key has signed, or nobody, is left alone and told', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 4 });
    await runAll(role);
    const [name] = (await readIndexLines(role))!;
    const zip = (await readBlob(role, name!))!;
    await restore(role);
    await role.deps.database.query(`update signing_keys set key = 'of-nobody'`);
    await role.deps.database.query(`update signing_key_versions set public_key_pem = $1`, [
      '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n',
    ]);
    await role.deps.blobStore.put({ bucket: 'exports', name: 'aa/1-2-00001.zip' }, Buffer.from('no zip'), options);
    const foreign = new Set<string>();
    expect(await adoptPublishedFiles(role.deps, foreign)).toBe(0);
    expect(foreign.size).toBe(2);
    expect(await readBlob(role, name!)).toEqual(zip);
    const { rows } = await role.deps.database.query('select from exposures');
    expect(rows).toEqual([]);
  });

  it('files that began before the retention are only cleaned up', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 4 });
    await runAll(role);
    await restore(role);
    role.clock.advance(14 * 24 * HOUR_MS);
    await adoptPublishedFiles(role.deps);
    const { rows } = await role.deps.database.query(
      `select f.status, b.status as batch, (select count(*)::integer from exposures) as keys
         from files f join batches b on b.id = f.batch_id`,
    );
    expect(rows).toEqual([{ status: 'unlisted', batch: 'deleted', keys: 0 }]);
  });
});
