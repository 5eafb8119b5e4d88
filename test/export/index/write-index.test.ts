/** The index: what it lists, when it is written, and by how many at a time. */
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { buildBatch } from '../../../src/export/batch/build.ts';
import { planBatches } from '../../../src/export/batch/plan.ts';
import { writeIndex, writeOutdatedIndexes } from '../../../src/export/index/write-index.ts';
import { dueBatches } from '../../../src/storage/exports/batches.ts';
import { writeHold } from '../../../src/storage/holds.ts';
import { withFaults } from '../../support/export-faults.ts';
import {
  insertExport,
  insertKeys,
  openExportRole,
  readBlob,
  readIndexLines,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportRole,
} from '../../support/export-role.ts';

describe('the index', () => {
  it('of a new export is empty, and there', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    expect(await readIndexLines(role)).toBeNull();
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toEqual([]);
  });

  it('lists files oldest first as they come', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await insertKeys(role.deps.database, { count: 5, createdAt: new Date('2020-12-10T10:00:00Z') });
    await runAll(role);
    role.clock.advance(3_600_000);
    await runAll(role);
    expect(await readIndexLines(role)).toEqual([
      'aa/1607590800-1607594400-00001.zip',
      'aa/1607594400-1607598000-00001.zip',
    ]);
  });

  it('lists nothing while its export is on hold, and everything again afterwards', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    const lines = await readIndexLines(role);
    expect(lines).toHaveLength(1);
    for (const [release, listed] of [
      [false, []],
      [true, lines],
    ] as const) {
      await writeHold(role.deps.database, 'exports', { name: 'aa', release, at: null });
      await writeOutdatedIndexes(role.deps);
      expect(await readIndexLines(role)).toEqual(listed);
    }
  });

  it('lists no file before those of an older window that is still to be built, but waits a day at most', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await insertKeys(role.deps.database, { count: 5, createdAt: new Date('2020-12-10T10:00:00Z') });
    const failing = withFaults(role.deps, (step) => {
      if (step === 'before upload') throw new AppError('unavailable', 'blob_store_unavailable', 'out of order');
    });
    await runAll({ ...role, deps: failing });
    role.clock.advance(3_600_000);
    await role.deps.database.query(`update batches set not_before = 'infinity'`);
    await planBatches(role.deps);
    for (const id of await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: false })) {
      await buildBatch(role.deps, id, { signal: AbortSignal.timeout(60_000), ignoreBackOff: false });
    }
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toEqual([]);

    role.clock.advance(86_400_000);
    await role.deps.database.query('update exports set index_wanted = index_wanted + 1');
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toEqual(['aa/1607594400-1607598000-00001.zip']);

    await runAll(role);
    expect((await readIndexLines(role))?.slice(0, 2)).toEqual([
      'aa/1607590800-1607594400-00001.zip',
      'aa/1607594400-1607598000-00001.zip',
    ]);
  });

  it('is written once per change, however many try at the same time', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    let writes = 0;
    const counted = withFaults(role.deps, (step) => {
      if (step === 'before index') writes += 1;
    });
    const results = await Promise.all(Array.from({ length: 6 }, () => writeIndex(counted, id)));
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(writes).toBe(1);
    expect(await writeIndex(counted, id)).toBe(false);
  });

  it('is written again by who waited, when files were listed meanwhile', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    let waiting: Promise<unknown> = Promise.resolve();
    let isFirst = true;
    const slow = withFaults(role.deps, async (step) => {
      if (step !== 'before index' || !isFirst) return;
      isFirst = false;
      waiting = runAll(role);
      // Until the other one waits for the lock, with its file listed in the database.
      for (let isListed = false; !isListed;) {
        const { rows } = await role.deps.database.query(
          `select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`,
        );
        isListed = rows.length > 0;
      }
    });
    expect(await writeIndex(slow, id)).toBe(true);
    await waiting;
    expect(await readIndexLines(role)).toHaveLength(1);
  });

  it('that could not be written is written later, and the batch is complete all the same', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    const faulty = withFaults(role.deps, (step) => {
      if (step === 'after index') throw new AppError('unavailable', 'blob_store_unavailable', 'down');
    });
    const [batch] = await runAll({ ...role, deps: faulty });
    expect(batch).toMatchObject({ status: 'complete', lastError: null });
    const { rows } = await role.deps.database.query('select from exports where index_written < index_wanted');
    expect(rows).toHaveLength(1);
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toHaveLength(1);
  });

  it('drops a file when its window began before the retention, also of an export that has ended', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    await role.deps.database.query('update exports set valid_thru = $1', [role.clock.now()]);
    role.clock.set(new Date(WINDOW_START.getTime() + 14 * 86_400_000 - 1));
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toHaveLength(1);
    role.clock.advance(1);
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toEqual([]);
    const { rows } = await role.deps.database.query('select status, unlisted_at from files');
    expect(rows).toEqual([{ status: 'unlisted', unlisted_at: role.clock.now() }]);
  });
});

describe('Export decision 7: the index of a catch-up', () => {
  const hours = 24;

  /** A role that was away for so many windows, each with a key. */
  async function returnAfter(role: ExportRole, windows: number): Promise<void> {
    await insertExport(role);
    await runAll(role);
    for (let hour = 1; hour <= windows; hour++) {
      const createdAt = new Date(WINDOW_START.getTime() + hour * 3_600_000);
      await insertKeys(role.deps.database, { count: 1, createdAt });
    }
    role.clock.advance(windows * 3_600_000);
  }

  it('is written a few times, not once a batch, and ends complete and in order', async () => {
    await using role = await openExportRole({ concurrency: 4 });
    await returnAfter(role, hours);
    let writes = 0;
    const counted = withFaults(role.deps, (step) => {
      if (step === 'before index') writes++;
    });
    await runAll({ ...role, deps: counted });
    const lines = await readIndexLines(role);
    expect(lines).toHaveLength(hours);
    expect(lines).toEqual(lines?.toSorted());
    expect(writes).toBeLessThanOrEqual(4);
    expect(await readPublishedFiles(role)).toHaveLength(hours);
  });

  it('is written by the worker that ends last, when two share the work', async () => {
    await using role = await openExportRole({ concurrency: 2 });
    await returnAfter(role, hours);
    await Promise.all([runAll(role), runAll(role)]);
    expect(await readIndexLines(role)).toHaveLength(hours);
    const { rows } = await role.deps.database.query('select from exports where index_written < index_wanted');
    expect(rows).toEqual([]);
  });

  it('never has a line whose file cannot be read', async () => {
    await using role = await openExportRole({ concurrency: 4 });
    await returnAfter(role, hours);
    const unreadable: string[] = [];
    const watched = withFaults(role.deps, async (step) => {
      if (step !== 'after upload' && step !== 'after index') return;
      // Who writes one holds its lock until he is done.
      if (step === 'after upload') await writeOutdatedIndexes(role.deps);
      for (const line of (await readIndexLines(role)) ?? []) {
        if ((await readBlob(role, line)) === null) unreadable.push(line);
      }
    });
    await runAll({ ...role, deps: watched });
    expect(unreadable).toEqual([]);
    expect(await readIndexLines(role)).toHaveLength(hours);
  });

  it('is written although the last batch failed', async () => {
    await using role = await openExportRole({ concurrency: 1 });
    await returnAfter(role, 2);
    let uploads = 0;
    const failing = withFaults(role.deps, (step) => {
      if (step === 'before upload' && ++uploads === 2) {
        throw new AppError('unavailable', 'blob_store_unavailable', 'out of order');
      }
    });
    await planBatches(failing);
    for (const id of await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: false })) {
      await buildBatch(failing, id, { signal: AbortSignal.timeout(60_000), ignoreBackOff: false });
    }
    expect(await readIndexLines(role)).toHaveLength(1);
  });
});

describe('an index that the store wrote late', () => {
  it('is written again, for a newer one may have been there', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    const slow = withFaults(role.deps, async (step) => {
      if (step !== 'before index') return;
      // The session ends, and the lock with it; another worker publishes before the store is done.
      await role.deps.database.query(
        `select pg_terminate_backend(pid) from pg_locks
          where locktype = 'advisory' and granted and pid <> pg_backend_pid()
            and database = (select oid from pg_database where datname = current_database())`,
      );
      await runAll(role);
    });
    await expect(writeIndex(slow, id)).rejects.toThrow();
    expect(await readIndexLines(role)).toEqual([]);
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role)).toHaveLength(1);
  });
});
