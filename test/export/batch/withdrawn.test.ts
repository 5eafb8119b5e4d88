/** Withdrawn keys in export files: once more, as revoked, and what is published stays as it is. */
import { describe, expect, it } from 'vitest';
import { countWithdrawal, withdraw } from '../../../src/server/operations/withdraw.ts';
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
} from '../../support/export-role.ts';
import { withdrawalOf, withdrawDeps } from '../../support/withdrawal.ts';

const hour = 3_600_000;
const revoked = 5;

/** Gives all keys that are stored to the import `cc`, and withdraws it. */
async function withdrawAll({ deps, clock }: ExportRole): Promise<void> {
  await deps.database.query(
    `insert into imports (name, index_url, base_url, region, traveler)
     values ('cc', 'https://cc.example/index.txt', 'https://cc.example/', 'CC', false) on conflict do nothing`,
  );
  await deps.database.query(`update exposures set import_id = (select id from imports)`);
  const withdrawing = withdrawDeps({ ...deps, clock });
  const request = withdrawalOf({ scope: 'import', name: 'cc' });
  const counted = await countWithdrawal(withdrawing, request);
  expect(await withdraw(withdrawing, request, new AbortController().signal)).toMatchObject(counted);
}

/** Report types of a list of the index's last file, by key. */
async function lastFile(role: ExportRole) {
  const file = (await readPublishedFiles(role)).at(-1)!;
  const types = (list: 'keys' | 'revisedKeys') =>
    Object.fromEntries(file.content[list].map(({ key, reportType }) => [key.toString('hex'), reportType]));
  return { keys: types('keys'), revisedKeys: types('revisedKeys') };
}

function all(keys: readonly string[], reportType: number): Record<string, number> {
  return Object.fromEntries(keys.map((key) => [key, reportType]));
}

describe('a published key that is withdrawn', () => {
  it('goes out once more as revoked, in the file of the window that it was withdrawn in, and no file changes', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database, { count: 12 });
    await runAll(role);
    const [first] = (await readIndexLines(role))!;
    const bytes = await readBlob(role, first!);
    await withdrawAll(role);
    for (let hours = 0; hours < 3; hours++) {
      role.clock.advance(hour);
      await runAll(role);
    }
    const files = await readPublishedFiles(role);
    expect(await readBlob(role, first!)).toEqual(bytes);
    expect(keysIn(files)).toEqual(keys);
    expect(keysIn(files, 'revisedKeys')).toEqual(keys);
    expect(await lastFile(role)).toEqual({ keys: {}, revisedKeys: all(keys, revoked) });
  });

  it('stands in both lists of a file whose window it was published and withdrawn in', async () => {
    await using role = await openExportRole();
    await insertExport(role, { periodSeconds: 7200 });
    const createdAt = new Date(WINDOW_START.getTime() + hour);
    const keys = await insertKeys(role.deps.database, { count: 3, createdAt });
    role.clock.advance(hour);
    await withdrawAll(role);
    role.clock.advance(hour);
    await runAll(role);
    expect(await lastFile(role)).toEqual({ keys: all(keys, 1), revisedKeys: all(keys, revoked) });
  });

  it('is told once, as revoked, when it was also revised in that window, and again when it was before', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const revisedAt = new Date(WINDOW_START.getTime() + hour);
    const options = { count: 2, reportType: 2, revisedReportType: 1 };
    const both = await insertKeys(role.deps.database, { ...options, revisedAt });
    const before = await insertKeys(role.deps.database, { ...options, revisedAt: WINDOW_START });
    await runAll(role);
    expect((await lastFile(role)).revisedKeys).toEqual(all(before, revoked));
    await role.deps.database.query('update exposures set revised_report_type = 1');
    await withdrawAll(role);
    role.clock.advance(hour);
    await runAll(role);
    expect((await lastFile(role)).revisedKeys).toEqual(all([...both, ...before], revoked));
  });

  it('goes to nobody but those who got it: its regions and travelers count', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const ours = await insertKeys(role.deps.database, { count: 3 });
    await insertKeys(role.deps.database, { count: 3, regions: ['BB'] });
    await runAll(role);
    await withdrawAll(role);
    role.clock.advance(hour);
    await runAll(role);
    expect((await lastFile(role)).revisedKeys).toEqual(all(ours, revoked));
  });

  it('is hidden among generated ones like a revised one', async () => {
    await using role = await openExportRole({ minRecords: 20, paddingRange: 0 });
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 3 });
    await runAll(role);
    await withdrawAll(role);
    role.clock.advance(hour);
    await runAll(role);
    expect(Object.keys((await lastFile(role)).revisedKeys)).toHaveLength(20);
  });
});

describe('a key that is withdrawn before it was published', () => {
  it('is in no file', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const present = new Date(WINDOW_START.getTime() + hour);
    const kept = new Date(WINDOW_START.getTime() + 3 * hour);
    for (const createdAt of [present, kept]) await insertKeys(role.deps.database, { count: 2, createdAt });
    await withdrawAll(role);
    const others = await insertKeys(role.deps.database, { count: 1, createdAt: kept });
    for (let hours = 0; hours < 4; hours++) {
      role.clock.advance(hour);
      await runAll(role);
    }
    const files = await readPublishedFiles(role);
    expect([keysIn(files), keysIn(files, 'revisedKeys')]).toEqual([others, []]);
  });
});
