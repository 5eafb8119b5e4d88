/** Shifting: windows of few keys go out with those after them, or padded when their time is up. */
import { describe, expect, it } from 'vitest';
import { dueBatches, listBatches } from '../../../src/storage/exports/batches.ts';
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

const hour = 3_600_000;

/** Batches as `09-11 open`, oldest first. */
async function batches(role: ExportRole): Promise<string[]> {
  const rows = await listBatches(role.deps.database, { limit: 100 });
  return rows.map(({ windowStart, windowEnd, status }) => `${hh(windowStart)}-${hh(windowEnd)} ${status}`).reverse();
}

function hh(time: Date): string {
  return time.toISOString().slice(11, 13);
}

async function insertAt(role: ExportRole, hoursLater: number, count: number): Promise<string[]> {
  const createdAt = new Date(WINDOW_START.getTime() + hoursLater * hour);
  return await insertKeys(role.deps.database, { count, createdAt });
}

describe('Export decision 6: a small batch', () => {
  it('is held back and goes out with the next windows as soon as there are enough keys', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 4 * 3600 });
    const keys = [...(await insertAt(role, 0, 5)), ...(await insertAt(role, 1, 14)), ...(await insertAt(role, 2, 1))];
    expect(await runAll(role)).toEqual([]);
    role.clock.advance(hour);
    expect(await runAll(role)).toEqual([]);
    expect(await batches(role)).toEqual(['09-11 open']);
    expect(await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: true })).toEqual([]);
    role.clock.advance(hour);
    await runAll(role);
    expect(await batches(role)).toEqual(['09-12 complete']);
    expect(keysIn(await readPublishedFiles(role))).toEqual(keys.toSorted());
    expect(await readIndexLines(role)).toEqual(['aa/1607590800-1607601600-00001.zip']);
  });

  it('is padded when its time is up, with the windows that ended meanwhile', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 2 * 3600 });
    await insertAt(role, 0, 3);
    await insertAt(role, 2, 1);
    await insertAt(role, 3, 1);
    await runAll(role);
    role.clock.set(new Date(WINDOW_START.getTime() + 3 * hour - 1));
    expect(await runAll(role)).toEqual([]);
    role.clock.set(new Date(WINDOW_START.getTime() + 3 * hour));
    await runAll(role);
    expect(await batches(role)).toEqual(['09-12 complete']);
    expect((await readPublishedFiles(role)).map(({ content }) => content.keys.length)).toEqual([20]);
    role.clock.advance(hour);
    await runAll(role);
    expect(await batches(role)).toEqual(['09-12 complete', '12-13 open']);
  });

  it('waits no longer when windows of another length end too late for it', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 1800 });
    await insertAt(role, 0, 3);
    await runAll(role);
    expect(await batches(role)).toEqual(['09-10 open']);
    role.clock.set(new Date(WINDOW_START.getTime() + 1.5 * hour));
    await runAll(role);
    expect(await batches(role)).toEqual(['09-10 complete']);
  });

  it('is found as it would have been found in time, after an outage', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 2 * 3600 });
    await insertAt(role, 0, 25);
    for (const later of [1, 2, 3, 4, 6]) await insertAt(role, later, 4);
    await runAll(role);
    role.clock.advance(9 * hour);
    await runAll(role);
    expect(await batches(role)).toEqual([
      '09-10 complete',
      '10-13 complete',
      '13-16 complete',
      '16-17 complete',
      '17-18 complete',
      '18-19 complete',
    ]);
    const keys = (await readPublishedFiles(role)).map(({ content }) => content.keys.length);
    expect(keys).toEqual([25, 20, 20]);
  });

  it('is not held back when it is empty, or large enough, or the export does not shift', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 4 * 3600 });
    await insertExport(role, { name: 'bb', outputRegion: 'BB', shiftSeconds: 4 * 3600 });
    await insertExport(role, { name: 'cc', outputRegion: 'CC' });
    await insertKeys(role.deps.database, { count: 20, regions: ['BB'] });
    await insertKeys(role.deps.database, { count: 19, regions: ['CC'] });
    await runAll(role);
    expect(await batches(role)).toEqual(['09-10 complete', '09-10 complete', '09-10 complete']);
  });

  it('is let go when the export no longer shifts, or is another one now', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 4 * 3600 });
    await insertAt(role, 0, 3);
    await insertAt(role, 1, 3);
    await runAll(role);
    await role.deps.database.query(`update exports set input_regions = '{AA,BB}'`);
    role.clock.advance(hour);
    await runAll(role);
    expect(await batches(role)).toEqual(['09-10 complete', '10-11 open']);
    await role.deps.database.query('update exports set shift_seconds = null');
    await runAll(role);
    expect(await batches(role)).toEqual(['09-10 complete', '10-11 complete']);
  });

  it('takes no part in the padding of others while it waits, and gets its own when it is built', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 2 * 3600 });
    await insertExport(role, { name: 'bb' });
    const real = await insertAt(role, 0, 3);
    await runAll(role);
    expect(keysIn(await readPublishedFiles(role, 'bb'))).toHaveLength(20);
    role.clock.advance(2 * hour);
    await runAll(role);
    const held = keysIn(await readPublishedFiles(role));
    expect(held).toEqual(expect.arrayContaining(real));
    expect(held).toEqual(keysIn(await readPublishedFiles(role, 'bb')));
  });

  it('is never lost or doubled, whoever plans at the same time', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role, { shiftSeconds: 3 * 3600 });
    const keys = [];
    for (const later of [0, 1, 2, 3, 4, 5]) keys.push(...(await insertAt(role, later, 4)));
    for (let later = 0; later < 12; later++) {
      await Promise.all([runAll(role), runAll(role), runAll(role)]);
      role.clock.advance(hour);
    }
    const published = keysIn(await readPublishedFiles(role));
    const known = new Set(keys);
    expect(published.filter((key) => known.has(key)).toSorted()).toEqual(keys.toSorted());
    const windows = (await batches(role)).map((batch) => batch.slice(0, 5));
    windows.slice(1).forEach((window, index) => {
      expect(window.slice(0, 2)).toBe(windows[index]!.slice(3));
    });
  });
});
