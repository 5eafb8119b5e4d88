/** Padding: decided once for all exports whose windows end together, and the same in every file. */
import { describe, expect, it } from 'vitest';
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

/** Keys in the file of each export that aren't real. */
async function paddingIn(role: ExportRole, root: string, real: readonly string[]): Promise<string[]> {
  const known = new Set(real);
  return keysIn(await readPublishedFiles(role, root)).filter((key) => !known.has(key));
}

describe('Export decision 5: padding', () => {
  it('brings a small batch to its target, with attributes of real keys and none of their bytes', async () => {
    await using role = await openExportRole({ minRecords: 200, paddingRange: 50 });
    await insertExport(role);
    const real = await insertKeys(role.deps.database, { count: 7, transmissionRisk: 3 });
    await runAll(role);
    const [file] = await readPublishedFiles(role);
    const { keys } = file!.content;
    expect(keys.length).toBeGreaterThanOrEqual(200);
    expect(keys.length).toBeLessThanOrEqual(250);
    expect(keysIn([file!])).toEqual(keysIn([file!]).toSorted());
    expect(keysIn([file!])).toEqual(expect.arrayContaining(real));
    const shapes = (selected: typeof keys): Set<string> =>
      new Set(selected.map((key) => JSON.stringify({ ...key, key: undefined })));
    const isReal = (key: Buffer): boolean => real.includes(key.toString('hex'));
    const realShapes = shapes(keys.filter(({ key }) => isReal(key)));
    const padding = keys.filter(({ key }) => !isReal(key));
    expect(realShapes).toEqual(new Set([...realShapes, ...shapes(padding)]));
    expect(shapes(padding).size).toBeGreaterThan(1);
  });

  it('leaves a batch alone that is large enough', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role);
    const real = await insertKeys(role.deps.database, { count: 20 });
    await runAll(role);
    expect(await paddingIn(role, 'aa', real)).toEqual([]);
  });

  it('never makes a second file', async () => {
    await using role = await openExportRole({ minRecords: 200 });
    await insertExport(role, { maxRecords: 30 });
    await insertKeys(role.deps.database, { count: 7 });
    await runAll(role);
    const files = await readPublishedFiles(role);
    expect(files.map(({ content }) => content.keys.length)).toEqual([30]);
  });

  it('makes no file where there is no real key', async () => {
    await using role = await openExportRole({ minRecords: 200 });
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 7, regions: ['BB'] });
    const [batch] = await runAll(role);
    expect(batch).toMatchObject({ status: 'complete', counts: { keys: 0, revisedKeys: 0 } });
    expect(await readPublishedFiles(role)).toEqual([]);
  });

  it('hides the number of revisions too, among the revised keys', async () => {
    await using role = await openExportRole({ minRecords: 50 });
    await insertExport(role);
    const createdAt = new Date('2020-12-09T00:00:00Z');
    await insertKeys(role.deps.database, { count: 3, createdAt, revisedAt: WINDOW_START });
    await runAll(role);
    const files = await readPublishedFiles(role);
    expect(keysIn(files)).toEqual([]);
    expect(keysIn(files, 'revisedKeys')).toHaveLength(50);
    const types = files[0]!.content.revisedKeys.map(({ reportType, transmissionRisk }) => [
      reportType,
      transmissionRisk,
    ]);
    expect(new Set(types.map((type) => type.join()))).toEqual(new Set(['5,6']));
  });

  it('appears in every export that covers its window and regions, the finest period deciding first', async () => {
    await using role = await openExportRole({ minRecords: 60, paddingRange: 20 });
    role.clock.set(new Date('2020-12-11T00:10:00Z'));
    const createdAt = new Date('2020-12-10T23:00:00Z');
    await insertExport(role, { name: 'day', periodSeconds: 86_400 });
    await insertExport(role, { name: 'hour' });
    await insertExport(role, { name: 'both', inputRegions: ['AA', 'BB'], periodSeconds: 4 * 3600 });
    const real = [
      ...(await insertKeys(role.deps.database, { count: 5, createdAt })),
      ...(await insertKeys(role.deps.database, { count: 5, createdAt, regions: ['BB'] })),
    ];
    expect((await runAll(role)).map(({ status }) => status)).toEqual(['complete', 'complete', 'complete']);
    const hour = await paddingIn(role, 'hour', real);
    const day = await paddingIn(role, 'day', real);
    const both = await paddingIn(role, 'both', real);
    expect(hour.length).toBeGreaterThanOrEqual(55);
    expect(new Set(day)).toEqual(new Set(hour));
    expect(both).toEqual(expect.arrayContaining(hour));
  });

  it('is decided oldest window first, so that a long window counts what short ones in it got', async () => {
    await using role = await openExportRole({ minRecords: 60 });
    await insertExport(role, { name: 'hour' });
    await insertKeys(role.deps.database, { count: 5, createdAt: WINDOW_START });
    await runAll(role);
    role.clock.set(new Date('2020-12-11T00:10:00Z'));
    await insertExport(role, { name: 'day', periodSeconds: 86_400 });
    await insertKeys(role.deps.database, { count: 5, createdAt: new Date('2020-12-10T15:00:00Z') });
    await runAll(role);
    const hours = keysIn(await readPublishedFiles(role, 'hour'));
    expect(hours).toHaveLength(120);
    expect(keysIn(await readPublishedFiles(role, 'day'))).toEqual(hours.toSorted());
  });

  it('of an export that is added later changes nothing in batches that are decided', async () => {
    await using role = await openExportRole({ minRecords: 60 });
    await insertExport(role, { name: 'first' });
    await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    const before = keysIn(await readPublishedFiles(role, 'first'));
    await role.deps.database.query('update batches set status = $1, prepared_at = null', ['open']);
    await role.deps.database.query('delete from files');
    await role.deps.blobStore.delete({ bucket: 'exports', name: 'first/1607590800-1607594400-00001.zip' });
    await insertExport(role, { name: 'later' });
    const eager = { ...role, deps: { ...role.deps, settings: { ...role.deps.settings, minRecords: 100 } } };
    await runAll(eager, 'later');
    expect(keysIn(await readPublishedFiles(role, 'later'))).toHaveLength(100);
    await runAll(role, 'first');
    expect(keysIn(await readPublishedFiles(role, 'first'))).toEqual(before);
  });

  it('is stored complete, apart from real keys', async () => {
    await using role = await openExportRole({ minRecords: 60 });
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    const { rows } = await role.deps.database.query(
      'select (select count(*)::integer from padding_keys) as padding, (select count(*)::integer from exposures) as real',
    );
    expect(rows[0]).toEqual({ padding: 55, real: 5 });
  });
});
