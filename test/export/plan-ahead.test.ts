/** The plan: what waits, what comes, and under which names; held against what is then built. */
import { describe, expect, it } from 'vitest';
import { planAhead } from '../../src/export/plan-ahead.ts';
import { writeHold } from '../../src/storage/holds.ts';
import { insertExport, insertKeys, NOW, openExportRole, readIndexLines, runAll } from '../support/export-role.ts';
import type { ExportRole } from '../support/export-role.ts';

const at = (time: string) => new Date(`2020-12-10T${time}:00Z`);

/** Windows as `start–end state`, hours and minutes only. */
async function plan(role: ExportRole, ahead = 2): Promise<string[]> {
  const hour = (time: Date) => time.toISOString().slice(11, 16);
  const windows = await planAhead(role.deps, { ahead });
  return windows.map(({ start, end, state }) => `${hour(start)}–${hour(end)} ${state}`);
}

describe('a plan', () => {
  it('tells what is due, what has to age, and what is still open', async () => {
    await using role = await openExportRole({ minWindowAgeSeconds: 5400 });
    await insertExport(role);
    expect(await plan(role)).toEqual([
      '07:00–08:00 due',
      '08:00–09:00 ageing',
      '09:00–10:00 ageing',
      '10:00–11:00 collecting',
      '11:00–12:00 collecting',
    ]);
    const windows = await planAhead(role.deps, { ahead: 1 });
    expect(windows.map(({ due }) => due)).toEqual([at('09:30'), at('10:30'), at('11:30'), at('12:30')]);
    await runAll(role);
    expect((await plan(role)).slice(0, 2)).toEqual(['08:00–09:00 ageing', '09:00–10:00 ageing']);
  });

  it('holds: a window is planned at its due time, and not a millisecond before', async () => {
    await using role = await openExportRole({ minWindowAgeSeconds: 5400 });
    await insertExport(role);
    await runAll(role);
    for (const { start, due } of await planAhead(role.deps, { ahead: 2 })) {
      role.clock.set(new Date(due!.getTime() - 1));
      expect(await runAll(role)).toEqual([]);
      role.clock.set(due!);
      expect((await runAll(role)).map(({ windowStart }) => windowStart)).toEqual([start]);
    }
  });

  it('counts real keys so far and names the files that they get', async () => {
    await using role = await openExportRole({ minRecords: 50 });
    await insertExport(role, { maxRecords: 8 });
    const inWindow = { createdAt: at('10:00') };
    await insertKeys(role.deps.database, { ...inWindow, count: 15, revisedAt: at('10:00') });
    await insertKeys(role.deps.database, { ...inWindow, count: 3, regions: ['BB'] });
    await runAll(role);
    const [window] = await planAhead(role.deps, { ahead: 1 });
    expect(window).toMatchObject({ start: at('10:00'), counts: { keys: 15, revisedKeys: 15 }, batchId: null });
    expect(window!.files).toEqual([1, 2, 3, 4].map((number) => `aa/1607594400-1607598000-0000${String(number)}.zip`));
    role.clock.set(at('11:00'));
    await runAll(role);
    expect(await readIndexLines(role)).toEqual(window!.files);
  });

  it('names no file for a window without keys', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const windows = await planAhead(role.deps, { ahead: 1 });
    expect(windows.map(({ files, counts }) => ({ files, counts }))).toEqual(
      Array.from({ length: 2 }, () => ({ files: [], counts: { keys: 0, revisedKeys: 0 } })),
    );
  });

  it('says why a batch failed and when it is tried again', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: [] });
    await insertKeys(role.deps.database, { count: 3 });
    const [batch] = await runAll(role);
    const [window] = await planAhead(role.deps, { ahead: 1 });
    expect(window).toMatchObject({
      batchId: batch!.id,
      state: 'retrying',
      due: new Date(NOW.getTime() + 5_000),
      counts: { keys: 3, revisedKeys: 0 },
      files: ['aa/1607590800-1607594400-00001.zip'],
    });
    expect(window!.detail).toMatch(/^failed after 1 try: no_active_signer: /);
  });

  it('names the files that are decided, for a batch that a worker has in hand', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 3 });
    await runAll(role);
    await role.deps.database.query(
      `update batches set status = 'pending', lease_expires = '2020-12-10T10:12:00Z';
       update files set status = 'planned'`,
    );
    const [window] = await planAhead(role.deps, { ahead: 1 });
    expect(window).toMatchObject({ state: 'building', files: ['aa/1607590800-1607594400-00001.zip'] });
  });

  it('says that an export is on hold, and so when it is built nobody knows', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await writeHold(role.deps.database, 'exports', { name: 'aa', release: false, at: null });
    const windows = await planAhead(role.deps, { ahead: 1 });
    expect(windows.map(({ state, due }) => ({ state, due }))).toEqual([
      { state: 'on hold', due: null },
      { state: 'on hold', due: null },
    ]);
  });

  it('is of all exports or one, each with its own windows, and ends where the export ends', async () => {
    await using role = await openExportRole();
    await insertExport(role, { periodSeconds: 7200 });
    await insertExport(role, { name: 'bb', thru: at('11:00') });
    expect(await plan(role, 3)).toEqual([
      '08:00–10:00 due',
      '10:00–12:00 collecting',
      '12:00–14:00 collecting',
      '14:00–16:00 collecting',
      '09:00–10:00 due',
      '10:00–11:00 collecting',
    ]);
    const windows = await planAhead(role.deps, { ahead: 1, exportName: 'bb' });
    expect(new Set(windows.map(({ exportName }) => exportName))).toEqual(new Set(['bb']));
  });

  it('changes nothing', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 3 });
    await planAhead(role.deps, { ahead: 3 });
    expect((await role.deps.database.query('select from batches')).rows).toHaveLength(0);
  });
});
