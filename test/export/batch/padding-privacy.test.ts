/** What somebody learns who has every file that was ever published, and compares them. */
import { describe, expect, it } from 'vitest';
import { reportTypeCodes } from '../../../src/domain/publish/report-type.ts';
import { reprocessBatch } from '../../../src/export/batch/reprocess.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportRole,
} from '../../support/export-role.ts';
import { criticalDistance, kolmogorovSmirnov } from '../../support/distributions.ts';

const settings = { minRecords: 60, paddingRange: 20 };
const hour = 3_600_000;

async function keysOf(role: ExportRole, name: string, list: 'keys' | 'revisedKeys' = 'keys'): Promise<Set<string>> {
  return new Set(keysIn(await readPublishedFiles(role, name), list));
}

describe('Export decision 5: who compares files', () => {
  it('of many windows finds one distribution of sizes, whatever their real counts below the minimum', async () => {
    await using role = await openExportRole({ minRecords: 30, paddingRange: 40, concurrency: 4 });
    await insertExport(role);
    const windows = 120;
    const realCounts = [1, 29];
    await runAll(role);
    for (let index = 1; index <= windows; index++) {
      const createdAt = new Date(WINDOW_START.getTime() + index * hour);
      await insertKeys(role.deps.database, { count: realCounts[index % 2]!, createdAt });
    }
    role.clock.advance(windows * hour);
    await runAll(role);
    const sizes = (await readPublishedFiles(role)).map(({ content }) => content.keys.length);
    expect(sizes).toHaveLength(windows);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(70);
    const [few, many] = [1, 0].map((parity) => sizes.filter((_, index) => index % 2 === parity));
    expect(kolmogorovSmirnov(few!, many!)).toBeLessThan(criticalDistance(few!.length, many!.length));
    // The same comparison finds files that are larger.
    const larger = many!.map((size) => size + 35);
    expect(kolmogorovSmirnov(few!, larger)).toBeGreaterThan(criticalDistance(few!.length, many!.length));
  }, 180_000);

  it('and subtracts an export of one region from one of two is left with as many keys as any small file has', async () => {
    await using role = await openExportRole(settings);
    await insertExport(role, { name: 'one' });
    await insertExport(role, { name: 'two', inputRegions: ['AA', 'BB'] });
    await insertKeys(role.deps.database, { count: 5 });
    await insertKeys(role.deps.database, { count: 2, regions: ['BB'] });
    await runAll(role);
    const one = await keysOf(role, 'one');
    const rest = (await keysOf(role, 'two')).difference(one);
    for (const size of [one.size, rest.size]) {
      expect(size).toBeGreaterThanOrEqual(60);
      expect(size).toBeLessThanOrEqual(80);
    }
  });

  it('and subtracts travelers, or adds up hours and takes them from their day, neither', async () => {
    await using role = await openExportRole(settings);
    role.clock.set(new Date('2020-12-11T00:10:00Z'));
    const late = (hours: number): Date => new Date(Date.UTC(2020, 11, 10, hours));
    await insertExport(role, { name: 'hour', onlyNonTravelers: true });
    await role.deps.database.query('update exports set period_seconds = 10800');
    await insertExport(role, { name: 'day', periodSeconds: 86_400 });
    await insertKeys(role.deps.database, { count: 3, createdAt: late(23) });
    await insertKeys(role.deps.database, { count: 1, createdAt: late(22), traveler: true });
    await insertKeys(role.deps.database, { count: 2, createdAt: late(4) });
    await runAll(role);
    const day = await keysOf(role, 'day');
    const hours = await keysOf(role, 'hour');
    expect(day.intersection(hours).size).toBeGreaterThanOrEqual(60);
    expect(day.difference(hours).size).toBeGreaterThanOrEqual(60);
  });

  it('of periods that do not divide each other finds no small part of one in the other', async () => {
    await using role = await openExportRole(settings);
    const at = (hours: number): Date => new Date(Date.UTC(2020, 11, 10, hours));
    role.clock.set(new Date('2020-12-10T12:10:00Z'));
    await insertExport(role, { name: 'four', periodSeconds: 4 * 3600 });
    await insertExport(role, { name: 'six', periodSeconds: 6 * 3600 });
    await runAll(role);
    for (const hours of [13, 17, 18, 19, 21]) await insertKeys(role.deps.database, { count: 2, createdAt: at(hours) });
    role.clock.set(new Date('2020-12-11T00:10:00Z'));
    await runAll(role);
    const parts = [];
    for (const four of await readPublishedFiles(role, 'four')) {
      for (const six of await readPublishedFiles(role, 'six')) {
        parts.push(new Set(keysIn([four])).intersection(new Set(keysIn([six]))).size);
      }
    }
    // 12–16 in 12–18, 16–18 in both ways, 18–20, 20–24: everything that meets has its own padding.
    expect(parts.filter((size) => size > 0)).toHaveLength(4);
    expect(Math.min(...parts.filter((size) => size > 0))).toBeGreaterThanOrEqual(60);
  });

  it('and looks revised keys up in older files finds generated ones there too', async () => {
    await using role = await openExportRole(settings);
    await insertExport(role);
    const real = await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    const older = await keysOf(role, 'aa');
    const revisedAt = new Date(WINDOW_START.getTime() + hour);
    await role.deps.database.query(
      `update exposures set revised_at = $1, revised_report_type = 5 where encode(key, 'hex') = any($2)`,
      [revisedAt, real.slice(0, 2)],
    );
    role.clock.advance(hour);
    await runAll(role);
    const revised = await keysOf(role, 'aa', 'revisedKeys');
    expect(revised.size).toBeGreaterThanOrEqual(60);
    expect(revised.intersection(new Set(real)).size).toBe(2);
    // All that the older file has to give, and only what it cannot give is new.
    expect(revised.intersection(older).size).toBeGreaterThanOrEqual(Math.min(revised.size, older.size - 3));
    const files = await readPublishedFiles(role);
    const rolling = new Map(files[0]!.content.keys.map((key) => [key.key.toString('hex'), key.rollingStart]));
    for (const key of files[1]!.content.revisedKeys) {
      const before = rolling.get(key.key.toString('hex'));
      if (before !== undefined) expect(key.rollingStart).toBe(before);
      expect(key.reportType).toBe(5);
    }
  });

  it('finds no generated revision that a real key could not have gone through', async () => {
    await using role = await openExportRole(settings);
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 15, reportType: reportTypeCodes.confirmed });
    const likely = await insertKeys(role.deps.database, { count: 15, reportType: reportTypeCodes.likely });
    await runAll(role);
    await role.deps.database.query(
      `update exposures set revised_at = $1, revised_report_type = $2 where encode(key, 'hex') = any($3)`,
      [new Date(WINDOW_START.getTime() + hour), reportTypeCodes.negative, likely.slice(0, 2)],
    );
    role.clock.advance(hour);
    await runAll(role);
    const [older, newer] = await readPublishedFiles(role);
    const before = new Map(older!.content.keys.map(({ key, reportType }) => [key.toString('hex'), reportType]));
    const formerTypes = newer!.content.revisedKeys.flatMap(({ key }) => before.get(key.toString('hex')) ?? []);
    expect(formerTypes.length).toBeGreaterThan(2);
    expect(new Set(formerTypes)).toEqual(new Set([reportTypeCodes.likely]));
  });

  it('of a batch that was built again finds the same padding', async () => {
    await using role = await openExportRole(settings);
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    const [batch] = await runAll(role);
    const before = await keysOf(role, 'aa');
    await reprocessBatch(role.deps, batch!.id, { signal: AbortSignal.timeout(60_000), actor: 'test' });
    const after = await keysOf(role, 'aa');
    expect(after.isSupersetOf(before)).toBe(true);
    expect(after.size).toBeLessThanOrEqual(80);
  });
});
