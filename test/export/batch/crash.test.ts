/** Whatever stops a worker, wherever: another one ends its work, no key is lost or doubled, no published file changes. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { buildBatch } from '../../../src/export/batch/build.ts';
import { planBatches } from '../../../src/export/batch/plan.ts';
import { reprocessBatch } from '../../../src/export/batch/reprocess.ts';
import { writeOutdatedIndexes } from '../../../src/export/index/write-index.ts';
import { dueBatches, readBatch } from '../../../src/storage/exports/batches.ts';
import { withFaults, type Step } from '../../support/export-faults.ts';
import { startExportProcess } from '../../support/export-process.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readBlob,
  readIndexLines,
  readPublishedFiles,
  runAll,
  type ExportRole,
} from '../../support/export-role.ts';

const steps: readonly Step[] = [
  'mid read',
  'sign',
  'before upload',
  'mid upload',
  'after upload',
  'before index',
  'after index',
];
const FIRST = 'aa/1607590800-1607594400-00001.zip';
const options = { signal: new AbortController().signal, ignoreBackOff: true };

/** 90 keys in three files, and padding. */
async function openSplit(): Promise<ExportRole & { readonly keys: string[] }> {
  const role = await openExportRole({ minRecords: 100, paddingRange: 50, maxRecords: 1000 });
  await insertExport(role);
  const keys = await insertKeys(role.deps.database, { count: 90 });
  await planBatches(role.deps);
  await role.deps.database.query('update batches set max_records = 40');
  return Object.assign(role, { keys });
}

async function blobs(role: ExportRole): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const name of role.deps.blobStore.list('exports', '')) {
    if (name.endsWith('.zip')) found.set(name, (await readBlob(role, name))!.toString('base64'));
  }
  return found;
}

/** All real keys are there, each once, and what was published before is what it was. */
async function expectExact(role: ExportRole, keys: string[], before: ReadonlyMap<string, string>): Promise<void> {
  const files = await readPublishedFiles(role);
  const published = keysIn(files);
  expect(new Set(published).size).toBe(published.length);
  expect(published).toEqual(expect.arrayContaining(keys));
  expect(files).toHaveLength(Math.ceil(published.length / 40));
  const after = await blobs(role);
  expect([...after.keys()]).toEqual(await readIndexLines(role));
  for (const [name, content] of before) expect(after.get(name)).toBe(content);
  const { rows } = await role.deps.database.query('select status from batches');
  expect(rows).toEqual([{ status: 'complete' }]);
  expect(await readdir(role.deps.settings.spoolDir)).toEqual([]);
}

async function dueBatch(role: ExportRole): Promise<string> {
  const [id] = await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: true });
  return id!;
}

describe.each(steps)('an error at the step `%s`', (step) => {
  it.each([1, 2])('is got over (time %d)', async (times) => {
    await using role = await openSplit();
    let left = times;
    const faulty = withFaults(role.deps, (reached) => {
      if (reached === step && --left === 0) throw new AppError('unavailable', 'blob_store_unavailable', 'down');
    });
    await runAll({ ...role, deps: faulty });
    const before = await blobs(role);
    await runAll(role);
    await writeOutdatedIndexes(role.deps);
    await expectExact(role, role.keys, before);
  });
});

describe.each(['after lease', ...steps] as const)('Export decision 3: a process that is killed `%s`', (step) => {
  it('leaves a batch that another one ends when its lease is over', async () => {
    await using role = await openSplit();
    for (const times of step === 'after lease' || step.endsWith('index') ? [1] : [1, 2]) {
      expect(await once(startExportProcess(role, { step, times }), 'exit')).toEqual([null, 'SIGKILL']);
      role.clock.advance(61_000);
    }
    const before = await blobs(role);
    await runAll(role);
    await writeOutdatedIndexes(role.deps);
    await expectExact(role, role.keys, before);
  });
});

describe('a worker', () => {
  it('that lost its lease completes nothing, and publishes nothing else than who took over', async () => {
    await using role = await openSplit();
    const id = await dueBatch(role);
    let takenOver: Promise<unknown> | undefined;
    const slow = withFaults(role.deps, async (step) => {
      if (step !== 'before upload' || takenOver) return;
      role.clock.advance(61_000);
      takenOver = buildBatch(role.deps, id, options);
      expect(await takenOver).toBe('built');
    });
    expect(await buildBatch(slow, id, options)).toBe('failed');
    expect(await readBatch(role.deps.database, id)).toMatchObject({ status: 'complete', attempts: 2, lastError: null });
    await expectExact(role, role.keys, new Map());
  });

  it('that loses its lease while it writes stops at once', async () => {
    await using role = await openExportRole({ leaseSeconds: 0.3 });
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 10 });
    await planBatches(role.deps);
    const id = await dueBatch(role);
    const uploads: Step[] = [];
    const slow = withFaults(role.deps, async (step) => {
      if (step === 'before upload') uploads.push(step);
      if (step !== 'sign') return;
      await role.deps.database.query(`update batches set lease_owner = '00000000-0000-4000-8000-000000000001'`);
      // Two renewals' time: the lease is checked meanwhile.
      await role.deps.database.query('select pg_sleep(0.4)');
    });
    expect(await buildBatch(slow, id, options)).toBe('failed');
    expect(uploads).toEqual([]);
    expect(await readBatch(role.deps.database, id)).toMatchObject({ status: 'pending', lastError: null });
  });

  it('that is asked to stop gives the batch back at once, and the try does not count', async () => {
    await using role = await openSplit();
    const id = await dueBatch(role);
    const stop = new AbortController();
    const stopping = withFaults(role.deps, (step) => {
      if (step === 'sign') stop.abort(new Error('stop'));
    });
    expect(await buildBatch(stopping, id, { ...options, signal: stop.signal })).toBe('given back');
    expect(await readBatch(role.deps.database, id)).toMatchObject({ status: 'open', attempts: 0, lastError: null });
    expect(await buildBatch(role.deps, id, { ...options, ignoreBackOff: false })).toBe('built');
  });
});

describe('a stop in the middle of a COPY', () => {
  it('gives the batch back at once, and leaves no connection in the transaction', async () => {
    await using role = await openSplit();
    const { database } = role.deps;
    const id = await dueBatch(role);
    const failing = withFaults(role.deps, (step) => {
      if (step === 'sign') throw new AppError('unavailable', 'key_manager_unavailable', 'down');
    });
    expect(await buildBatch(failing, id, options)).toBe('failed');
    const stop = new AbortController();
    await database.transaction(async (locker) => {
      await locker.query('lock table exposures in access exclusive mode');
      const building = buildBatch(role.deps, id, { ...options, signal: stop.signal });
      await untilCopyWaits(role);
      stop.abort(new Error('stop'));
      expect(await building).toBe('given back');
      expect(await readBatch(database, id)).toMatchObject({ status: 'open', attempts: 1 });
    });
    const states = await Promise.all(
      Array.from({ length: 10 }, async () => (await database.query('show transaction_read_only')).rows[0]),
    );
    expect(states).toEqual(Array(10).fill({ transaction_read_only: 'off' }));
    await runAll(role);
    await expectExact(role, role.keys, new Map());
  });
});

async function untilCopyWaits({ deps }: ExportRole): Promise<void> {
  for (let waiting = 0; waiting === 0;) {
    const { rows } = await deps.database.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like 'copy%'`,
    );
    waiting = rows[0]!.count;
  }
}

describe('an object that has the name of a file', () => {
  it('is never overwritten when it is another file: the batch fails, and reprocessing takes new names', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database);
    const { blobStore } = role.deps;
    await blobStore.put({ bucket: 'exports', name: FIRST }, Buffer.from('something else'), {
      contentType: 'text/plain',
      cacheControl: 'no-cache',
      onlyIfAbsent: true,
    });
    const [failed] = await runAll(role);
    expect(failed).toMatchObject({ status: 'open' });
    expect(failed!.lastError).toMatch(/^published_file_differs: another file is published as aa\/1607590800/);
    expect((await readBlob(role, FIRST))!.toString()).toBe('something else');
    await reprocessBatch(role.deps, failed!.id, { signal: options.signal, actor: 'test' });
    expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
  });

  it('is not adopted when it is a file with other keys', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertExport(role, { name: 'bb', inputRegions: ['BB'] });
    await insertKeys(role.deps.database, { regions: ['AA'] });
    await insertKeys(role.deps.database, { regions: ['BB'] });
    await runAll(role, 'bb');
    const { blobStore } = role.deps;
    const other = await readBlob(role, FIRST.replace('aa', 'bb'));
    await blobStore.put({ bucket: 'exports', name: FIRST }, other!, {
      contentType: 'application/zip',
      cacheControl: 'no-cache',
      onlyIfAbsent: true,
    });
    const [failed] = await runAll(role, 'aa');
    expect(failed!.lastError).toMatch(/^published_file_differs/);
  });
});

describe('keys that are deleted between the decision and the file', () => {
  it('make the batch fail loudly', async () => {
    await using role = await openSplit();
    const faulty = withFaults(role.deps, (step) => {
      if (step === 'before upload') throw new AppError('unavailable', 'blob_store_unavailable', 'down');
    });
    await runAll({ ...role, deps: faulty });
    await role.deps.database.query(`delete from exposures where key = decode($1, 'hex')`, [role.keys[0]]);
    const [failed] = await runAll(role);
    expect(failed!.lastError).toMatch(/^batch_changed/);
    expect(await blobs(role)).toEqual(new Map());
  });
});
