/** Planning: which batches appear, once, and from which configuration. */
import { describe, expect, it } from 'vitest';
import { planBatches } from '../../../src/export/batch/plan.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { insertBatches, listBatches } from '../../../src/storage/exports/batches.ts';
import { lockPlanning, plannableExports } from '../../../src/storage/exports/exports.ts';
import { setTruncateWindow } from '../../../src/storage/windows.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  NOW,
  openExportRole,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportRole,
} from '../../support/export-role.ts';
import { openPool } from '../../support/postgres.ts';

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

  it('begins with the window that the export was added in, however late the first planner comes', async () => {
    await using role = await openExportRole();
    await insertExport(role, { addedAt: new Date('2020-12-10T07:30:00Z') });
    expect(await planBatches(role.deps)).toBe(3);
    expect(await plannedEnds(role, 'aa')).toEqual(['08:00', '09:00', '10:00']);
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

describe('one planner at a time', () => {
  it('plans each window once, in two processes of many tries each', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertExport(role, { name: 'shifting', shiftSeconds: 4 * 3600 });
    await using other = openPool(role.url);
    await planBatches(role.deps);
    role.clock.advance(5 * 3_600_000);
    const both = [role.deps, { ...role.deps, database: other.database }];
    const counts = await Promise.all(Array.from({ length: 8 }, (_, index) => planBatches(both[index % 2]!)));
    expect(counts.toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 10]);
  });

  it('waits for the one that plans, and goes on when that one dies inside', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await using other = openPool(role.url);
    const dying = other.database.transaction(async (client) => {
      await lockPlanning(client);
      await insertBatches(client, (await plannableExports(client, 10))[0]!, [{ start: WINDOW_START, end: NOW }]);
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const planning = planBatches(role.deps);
      for (let isWaiting = false; !isWaiting;) isWaiting = await someoneWaits(role);
      await role.deps.database.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
      return planning;
    });
    await expect(dying).rejects.toBeInstanceOf(AppError);
    for (let isPlanned = false; !isPlanned;) isPlanned = (await plannedEnds(role, 'aa')).length > 0;
    expect(await plannedEnds(role, 'aa')).toEqual(['10:00']);
  });
});

async function someoneWaits({ deps }: ExportRole): Promise<boolean> {
  const { rows } = await deps.database.query(
    `select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`,
  );
  return rows.length > 0;
}

describe('changes between plannings', () => {
  async function windows(role: ExportRole): Promise<string[]> {
    const batches = await listBatches(role.deps.database, { limit: 1000 });
    return batches
      .map(({ windowStart, windowEnd }) =>
        [windowStart, windowEnd].map((time) => time.toISOString().slice(11, 16)).join('-'),
      )
      .reverse();
  }

  it('of the period leave each key in exactly one file, with names and times of their own', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = [];
    for (const hour of [9, 10, 11, 12, 13, 14]) {
      const createdAt = new Date(Date.UTC(2020, 11, 10, hour));
      keys.push(...(await insertKeys(role.deps.database, { count: 3, createdAt })));
    }
    await runAll(role);
    await role.deps.database.query('update exports set period_seconds = $1', [4 * 3600]);
    role.clock.set(new Date('2020-12-10T12:10:00Z'));
    await runAll(role);
    await role.deps.database.query('update exports set period_seconds = 3600');
    role.clock.set(new Date('2020-12-10T15:10:00Z'));
    await runAll(role);
    expect(await windows(role)).toEqual(['09:00-10:00', '10:00-12:00', '12:00-13:00', '13:00-14:00', '14:00-15:00']);
    const files = await readPublishedFiles(role);
    expect(keysIn(files).toSorted()).toEqual(keys.toSorted());
    const ends = files.map(({ content }) => content.endTimestamp);
    expect(new Set(ends).size).toBe(files.length);
  });

  it('of the length of truncate windows change nothing that is planned', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await planBatches(role.deps);
    await setTruncateWindow(role.deps.database, 1800);
    role.clock.set(new Date('2020-12-10T12:40:00Z'));
    await planBatches(role.deps);
    await setTruncateWindow(role.deps.database, 7200);
    role.clock.set(new Date('2020-12-10T15:40:00Z'));
    await planBatches(role.deps);
    expect(await windows(role)).toEqual(['09:00-10:00', '10:00-11:00', '11:00-12:00', '12:00-13:00', '13:00-14:00']);
  });

  it('of the clock, back, plan nothing until it has caught up', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await planBatches(role.deps);
    role.clock.advance(-5 * 3_600_000);
    expect(await planBatches(role.deps)).toBe(0);
    role.clock.advance(6 * 3_600_000);
    expect(await planBatches(role.deps)).toBe(1);
    expect(await windows(role)).toEqual(['09:00-10:00', '10:00-11:00']);
  });
});

describe('catching up after an outage', () => {
  it('is bounded in each run, the oldest first, and reaches no further back than the retention', async () => {
    await using role = await openExportRole({ retentionSeconds: 10 * 86_400 });
    await insertExport(role, { periodSeconds: 900 });
    await planBatches(role.deps);
    await setTruncateWindow(role.deps.database, 900);
    role.clock.advance(12 * 86_400_000);
    expect(await planBatches(role.deps)).toBe(500);
    const first = await role.deps.database.query('select min(window_start) from batches where window_start >= $1', [
      new Date('2020-12-10T10:00:00Z'),
    ]);
    expect(first.rows).toEqual([{ min: new Date('2020-12-12T10:00:00Z') }]);
    expect(await planBatches(role.deps)).toBe(460);
    expect(await planBatches(role.deps)).toBe(0);
  });
});
