/** Planning: which batches appear, once, and from which configuration. */
import { describe, expect, it } from 'vitest';
import { planBatches } from '../../../src/export/batch/plan.ts';
import { listBatches } from '../../../src/storage/batches.ts';
import { insertExport, NOW, openExportRole, type ExportRole } from '../../support/export-role.ts';

async function plannedEnds(role: ExportRole, exportName: string): Promise<string[]> {
  const batches = await listBatches(role.deps.database, { exportName, limit: 1000 });
  return batches.map(({ windowEnd }) => windowEnd.toISOString().slice(11, 16)).reverse();
}

describe('planning', () => {
  it('makes one batch for the newest ended window, and none when asked again', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    expect(await planBatches(role.deps)).toBe(1);
    expect(await planBatches(role.deps)).toBe(0);
    expect(await plannedEnds(role, 'aa')).toEqual(['10:00']);
  });

  it('waits until a window is old enough', async () => {
    await using role = await openExportRole({ minWindowAgeSeconds: 7200 });
    await insertExport(role);
    await planBatches(role.deps);
    expect(await plannedEnds(role, 'aa')).toEqual(['08:00']);
    role.clock.set(new Date('2020-12-10T10:59:59Z'));
    expect(await planBatches(role.deps)).toBe(0);
    role.clock.set(new Date('2020-12-10T11:00:00Z'));
    expect(await planBatches(role.deps)).toBe(1);
    expect(await plannedEnds(role, 'aa')).toEqual(['08:00', '09:00']);
  });

  it('catches up after a pause, oldest first', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await planBatches(role.deps);
    role.clock.advance(3 * 3_600_000);
    expect(await planBatches(role.deps)).toBe(3);
    expect(await plannedEnds(role, 'aa')).toEqual(['10:00', '11:00', '12:00', '13:00']);
  });

  it('does not go beyond a window that a transaction still writes in', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const { database } = role.deps;
    await database.transaction(async (client) => {
      await client.query('select enter_window($1)', [new Date('2020-12-10T09:30:00Z')]);
      const planning = planBatches(role.deps);
      const first = await Promise.race([planning, client.query('select pg_sleep(0.3)').then(() => 'waits')]);
      expect(first).toBe('waits');
      await client.query('commit');
      expect(await planning).toBe(1);
      await client.query('begin');
    });
  });

  it('leaves exports on hold, ended and future ones alone', async () => {
    await using role = await openExportRole();
    await insertExport(role, { name: 'held', isHeld: true });
    await insertExport(role, { name: 'ended', thru: new Date('2020-12-10T09:00:00Z') });
    await insertExport(role, { name: 'future', from: NOW });
    expect(await planBatches(role.deps)).toBe(0);
  });

  it('catches up what a hold kept back', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await planBatches(role.deps);
    await role.deps.database.query('update exports set held_at = $1', [NOW]);
    role.clock.advance(2 * 3_600_000);
    expect(await planBatches(role.deps)).toBe(0);
    await role.deps.database.query('update exports set held_at = null');
    expect(await planBatches(role.deps)).toBe(2);
  });

  it('keeps the configuration as it is now, with regions in upper case and the output region where no input is named', async () => {
    await using role = await openExportRole({ maxRecords: 77 });
    await insertExport(role, { outputRegion: 'aa', excludeRegions: ['bb', 'BB'], includeTravelers: true });
    await planBatches(role.deps);
    await role.deps.database.query(`update exports set output_region = 'CC', filename_root = 'other'`);
    const [batch] = await listBatches(role.deps.database, { limit: 1 });
    expect(batch).toMatchObject({
      filenameRoot: 'aa',
      outputRegion: 'aa',
      inputRegions: ['AA'],
      excludeRegions: ['BB'],
      includeTravelers: true,
      maxRecords: 77,
      status: 'open',
    });
  });

  it('plans each window once, however many plan at the same time', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertExport(role, { name: 'bb', periodSeconds: 900 });
    const counts = await Promise.all(Array.from({ length: 5 }, () => planBatches(role.deps)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  });
});
