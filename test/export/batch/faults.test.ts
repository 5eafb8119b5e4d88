/** What fails around the export role: the database's connections, the disk, and who else is at work. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { buildBatch } from '../../../src/export/batch/build.ts';
import { planBatches } from '../../../src/export/batch/plan.ts';
import { dueBatches, readBatch } from '../../../src/storage/exports/batches.ts';
import { Database } from '../../../src/storage/database.ts';
import { withFaults, type Step } from '../../support/export-faults.ts';
import { startExportProcess, untouched } from '../../support/export-process.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readIndexLines,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportRole,
} from '../../support/export-role.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

async function onlyBatch({ deps: { database }, clock }: ExportRole): Promise<string> {
  const [id] = await dueBatches(database, { clock, ignoreBackOff: true });
  return id!;
}

describe('connections to the database that all break', () => {
  it.each<Step>(['mid read', 'sign', 'before upload', 'after upload'])(
    'at the step `%s` cost one try at most, which says why',
    async (step) => {
      await using role = await openExportRole();
      await insertExport(role);
      const keys = await insertKeys(role.deps.database);
      await planBatches(role.deps);
      const url = new URL(role.url);
      await using proxy = await TcpProxy.open(Number(url.port));
      url.port = String(proxy.port);
      const database = new Database(
        { url: url.href, poolSize: 5, applicationName: 'cut', statementTimeoutMs: 30_000 },
        () => undefined,
      );
      const id = await onlyBatch(role);
      const cut = withFaults({ ...role.deps, database }, (reached) => {
        if (reached === step) proxy.cut();
      });
      const outcome = await buildBatch(cut, id, { signal: new AbortController().signal, ignoreBackOff: true });
      await database.stop();
      // Where the pool had time to see it, the try goes on over other connections.
      expect(step === 'mid read' ? ['failed'] : ['built', 'failed']).toContain(outcome);
      if (outcome === 'failed') {
        expect(await readBatch(role.deps.database, id)).toMatchObject({
          status: 'open',
          lastError: 'unavailable: the database does not answer; try again later',
        });
        expect((await readIndexLines(role)) ?? []).toEqual([]);
      }
      await runAll(role);
      expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
    },
  );
});

describe('a disk that is full', () => {
  it('makes the batch fail with a reason, and it is built where there is room', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database, { count: 500 });
    expect(await once(startExportProcess(role, { ...untouched, largestFileKiB: 2 }), 'exit')).toEqual([0, null]);
    const id = await onlyBatch(role);
    const failed = await readBatch(role.deps.database, id);
    expect(failed).toMatchObject({ status: 'open', attempts: 1 });
    expect(failed!.lastError).toBe('spool_unavailable: the folder for unfinished export files cannot be written');
    await runAll(role);
    expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
  });
});

describe('Export decision 3: two processes at once', () => {
  it('build every batch exactly once', { timeout: 120_000 }, async () => {
    await using role = await openExportRole();
    const batches = 100;
    await insertExport(role);
    await planBatches(role.deps);
    const { database } = role.deps;
    await database.query(
      `insert into batches (export_id, window_start, window_end, bucket, filename_root, output_region, input_regions,
                            exclude_regions, include_travelers, only_non_travelers, max_records)
       select export_id, $1::timestamptz - make_interval(mins => n), $1::timestamptz - make_interval(mins => n - 1),
              bucket, filename_root, output_region, input_regions, exclude_regions, include_travelers,
              only_non_travelers, max_records
         from batches, generate_series(1, $2) as n`,
      [WINDOW_START, batches - 1],
    );
    for (let minutes = 0; minutes < batches; minutes++) {
      await insertKeys(database, { count: 3, createdAt: new Date(WINDOW_START.getTime() - minutes * 60_000) });
    }
    const processes = [startExportProcess(role, untouched), startExportProcess(role, untouched)];
    expect(await Promise.all(processes.map((child) => once(child, 'exit')))).toEqual([
      [0, null],
      [0, null],
    ]);
    const { rows } = await database.query(
      'select status, attempts, count(*)::integer as count from batches group by status, attempts',
    );
    expect(rows).toEqual([{ status: 'complete', attempts: 1, count: batches }]);
    const published = keysIn(await readPublishedFiles(role));
    expect(published).toHaveLength(3 * batches);
    expect(new Set(published).size).toBe(3 * batches);
  });
});
