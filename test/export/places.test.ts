/** Exports that move: nothing is lost or doubled, and what they leave behind is cleaned like everything else. */
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../src/domain/configuration/parse-configuration.ts';
import { applyConfiguration } from '../../src/server/admin/apply-configuration.ts';
import { cleanUp } from '../../src/server/operations/cleanup.ts';
import { buildBatch } from '../../src/export/batch/build.ts';
import { planBatches } from '../../src/export/batch/plan.ts';
import { writeOutdatedIndexes } from '../../src/export/index/write-index.ts';
import { findFile, readIndex } from '../../src/export/published.ts';
import { dueBatches } from '../../src/storage/exports/batches.ts';
import { withFaults } from '../support/export-faults.ts';
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
} from '../support/export-role.ts';

const firstFile = 'aa/1607590800-1607594400-00001.zip';
const secondFile = 'moved/1607594400-1607598000-00001.zip';
const hour = 3_600_000;

/** Applies the export `aa` with other fields. */
async function apply({ deps }: ExportRole, fields: object): Promise<void> {
  const series = { name: 'aa', bucket: 'exports', filenameRoot: 'aa', outputRegion: 'AA', period: '1h' };
  const wanted = parseConfiguration({ exports: [{ ...series, signingKeys: ['main'], ...fields }] });
  const settings = { truncateSeconds: 3600, maxRecords: 500_000, allowShortWindows: true, allowLoopback: false };
  await applyConfiguration({ ...deps, settings }, wanted, { prune: false, dryRun: false, actor: 'test' });
}

/** A file in its first place, then another one after the move. */
async function openMoved(fields: object): Promise<ExportRole> {
  const role = await openExportRole();
  await insertExport(role);
  await insertKeys(role.deps.database, { count: 5 });
  await runAll(role);
  await apply(role, fields);
  await writeOutdatedIndexes(role.deps);
  await insertKeys(role.deps.database, { count: 7, createdAt: new Date(WINDOW_START.getTime() + hour) });
  role.clock.advance(hour);
  await runAll(role);
  return role;
}

async function clean({ deps: role }: ExportRole): Promise<void> {
  const deps = { ...role, settings: { ...role.settings, maxIntervalAgeSeconds: 15 * 86_400 } };
  await cleanUp(deps, new AbortController().signal);
  await writeOutdatedIndexes(role);
  await cleanUp(deps, new AbortController().signal);
}

describe('Export decision 7: an export that moves to another root', () => {
  it('goes on with the next window there, lists its older files too, and leaves the old index as it is', async () => {
    await using role = await openMoved({ filenameRoot: 'moved' });
    expect(await readIndexLines(role, 'moved')).toEqual([firstFile, secondFile]);
    expect(await readIndexLines(role, 'aa')).toEqual([firstFile]);
    const keys = keysIn(await readPublishedFiles(role, 'moved'));
    expect(new Set(keys).size).toBe(12);
    expect(keys).toHaveLength(12);
  });

  it('is served under both roots', async () => {
    await using role = await openMoved({ filenameRoot: 'moved' });
    expect((await readIndex(role.deps, 'aa')).content.toString()).toBe(firstFile);
    expect(await findFile(role.deps, 'aa', '1607590800-1607594400-00001.zip')).toMatchObject({ name: firstFile });
    expect(await findFile(role.deps, 'moved', '1607594400-1607598000-00001.zip')).toMatchObject({ name: secondFile });
    await expect(readIndex(role.deps, 'AA')).rejects.toMatchObject({ code: 'export_not_found' });
  });

  it('to another bucket lists there what is there, and nothing else', async () => {
    await using role = await openMoved({ bucket: 'other', filenameRoot: 'moved' });
    const other = await role.deps.blobStore.read({ bucket: 'other', name: 'moved/index.txt' });
    expect(Buffer.concat((await other!.body.toArray()) as Buffer[]).toString()).toBe(secondFile);
    expect(await readIndexLines(role, 'aa')).toEqual([firstFile]);
  });

  it('leaves nothing behind: old files go with the others, then the old index', async () => {
    await using role = await openMoved({ filenameRoot: 'moved' });
    role.clock.set(new Date(WINDOW_START.getTime() + 14 * 24 * hour));
    await clean(role);
    expect(await readIndexLines(role, 'aa')).toEqual([]);
    expect(await readIndexLines(role, 'moved')).toEqual([secondFile]);
    expect(await readBlob(role, firstFile)).not.toBeNull();
    for (let days = 0; days < 2; days++) {
      role.clock.advance(24 * hour + 1);
      await clean(role);
    }
    expect(await readBlob(role, firstFile)).toBeNull();
    expect(await readBlob(role, 'aa/index.txt')).toBeNull();
    expect(await readIndexLines(role, 'moved')).toEqual([]);
    await expect(readIndex(role.deps, 'aa')).rejects.toMatchObject({ code: 'export_not_found' });
  });

  it('is empty in both places while it is on hold', async () => {
    await using role = await openMoved({ filenameRoot: 'moved' });
    await role.deps.database.query('update exports set held_at = now(), index_wanted = index_wanted + 1');
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role, 'aa')).toEqual([]);
    expect(await readIndexLines(role, 'moved')).toEqual([]);
  });

  it('may go back', async () => {
    await using role = await openMoved({ filenameRoot: 'moved' });
    await apply(role, {});
    await writeOutdatedIndexes(role.deps);
    expect(await readIndexLines(role, 'aa')).toEqual([firstFile, secondFile]);
    expect(await readIndexLines(role, 'moved')).toEqual([secondFile]);
  });

  it('takes a batch with it that a worker has just uploaded, whose file there is cleaned', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database, { count: 5 });
    await planBatches(role.deps);
    await writeOutdatedIndexes(role.deps);
    const [id] = await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: false });
    const slow = withFaults(role.deps, async (step) => {
      if (step === 'after upload') await apply(role, { filenameRoot: 'moved' });
    });
    const options = { signal: AbortSignal.timeout(60_000), ignoreBackOff: true };
    expect(await buildBatch(slow, id!, options)).toBe('failed');
    expect(await buildBatch(role.deps, id!, options)).toBe('built');
    await writeOutdatedIndexes(role.deps);
    expect(keysIn(await readPublishedFiles(role, 'moved'))).toEqual(keys);
    expect(await readIndexLines(role, 'aa')).toEqual([]);
    role.clock.advance(24 * hour + 1);
    await clean(role);
    expect(await readBlob(role, firstFile)).toBeNull();
  });
});
