/** Why a key is or is not in a file: checked against what the files really hold. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { explainKey, type KeyExplanation } from '../../src/export/explain-key.ts';
import { writeOutdatedIndexes } from '../../src/export/index/write-index.ts';
import { writeHold } from '../../src/storage/holds.ts';
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
} from '../support/export-role.ts';

const WINDOW_END = new Date('2020-12-10T10:00:00Z');
const FILE = 'aa/1607590800-1607594400-00001.zip';

async function explain(role: ExportRole, key: string, exportName?: string): Promise<KeyExplanation> {
  const question = { key: Buffer.from(key, 'hex'), ...(exportName === undefined ? {} : { exportName }) };
  const known = await explainKey(role.deps, question);
  if (known === null) throw new Error('the key is unknown');
  return known;
}

/** The only placement. */
async function explainOne(role: ExportRole, key: string, exportName?: string) {
  const { placements } = await explain(role, key, exportName);
  expect(placements).toHaveLength(1);
  return placements[0]!;
}

async function insertKey(role: ExportRole, options: Parameters<typeof insertKeys>[1] = {}): Promise<string> {
  const [key] = await insertKeys(role.deps.database, { ...options, count: 1 });
  return key!;
}

describe('a key that is published', () => {
  it('is named with the very file that holds it, of several that a batch was split into', async () => {
    await using role = await openExportRole();
    await insertExport(role, { maxRecords: 7 });
    await insertKeys(role.deps.database, { count: 17, revisedAt: WINDOW_START });
    await runAll(role);
    const files = await readPublishedFiles(role);
    expect(files).toHaveLength(5);
    for (const [index, file] of files.entries()) {
      const name = `aa/1607590800-1607594400-0000${String(index + 1)}.zip`;
      for (const list of ['keys', 'revisedKeys'] as const) {
        for (const key of keysIn([file], list)) {
          const { placements } = await explain(role, key);
          const placement = placements.find(({ isRevised }) => isRevised === (list === 'revisedKeys'));
          expect(placement).toMatchObject({ exportName: 'aa', verdict: 'published', file: name, due: null });
        }
      }
    }
  });

  it('is told for padding too, which is no real key', async () => {
    await using role = await openExportRole({ minRecords: 20 });
    await insertExport(role);
    const real = await insertKeys(role.deps.database, { count: 3 });
    await runAll(role);
    const published = keysIn(await readPublishedFiles(role));
    expect(published).toHaveLength(20);
    for (const key of published) {
      const known = await explain(role, key);
      expect(known.isGenerated).toBe(!real.includes(key));
      expect(known.placements).toMatchObject([{ verdict: 'published', file: FILE, isRevised: false }]);
    }
  });

  it('is told for both lists, also for padding that was revised', async () => {
    await using role = await openExportRole({ minRecords: 8 });
    await insertExport(role);
    const real = await insertKeys(role.deps.database, { count: 2, revisedAt: new Date('2020-12-10T10:00:00Z') });
    await runAll(role);
    role.clock.advance(3_600_000);
    await runAll(role);
    const files = await readPublishedFiles(role);
    const revised = keysIn(files, 'revisedKeys');
    expect(revised).toHaveLength(8);
    const both = keysIn(files, 'keys').filter((key) => revised.includes(key) && !real.includes(key));
    expect(both).toHaveLength(6);
    for (const key of both) {
      const { isGenerated, placements } = await explain(role, key);
      expect(isGenerated).toBe(true);
      expect(placements.filter(({ verdict }) => verdict === 'published')).toMatchObject([
        { isRevised: false, file: FILE },
        { isRevised: true, file: 'aa/1607594400-1607598000-00001.zip' },
      ]);
    }
  });

  it('is in the new file when its batch was built again', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const key = await insertKey(role);
    const [batch] = await runAll(role);
    await role.deps.database.query(
      `update batches set status = 'open', revision = 1, prepared_at = null, padding_decision = null, keys = null,
              revised_keys = null where id = $1`,
      [batch!.id],
    );
    expect(await explainOne(role, key)).toMatchObject({ verdict: 'published', file: FILE });
    await runAll(role);
    expect(await explainOne(role, key)).toMatchObject({
      verdict: 'published',
      file: 'aa/1607590801-1607594401-00001.zip',
    });
  });

  it('waits while the index has no line for its file, or is empty because of a hold', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    const key = await insertKey(role);
    await runAll(role);
    await writeHold(role.deps.database, 'exports', { name: 'aa', release: false, at: null });
    const held = await explainOne(role, key);
    expect(held).toMatchObject({ verdict: 'waiting', file: FILE, due: null });
    expect(held.reason).toContain('on hold');

    await writeHold(role.deps.database, 'exports', { name: 'aa', release: true, at: null });
    // The index in the bucket was written before the hold, so it has the line whatever is still to be written.
    expect(await explainOne(role, key)).toMatchObject({ verdict: 'published' });
    await role.deps.blobStore.put({ bucket: 'exports', name: 'aa/index.txt' }, Buffer.alloc(0), {
      contentType: 'text/plain',
      cacheControl: 'no-cache',
      onlyIfAbsent: false,
    });
    const unwritten = await explainOne(role, key);
    expect(unwritten).toMatchObject({ verdict: 'waiting', file: FILE });
    expect(unwritten.reason).toContain('about to list');
    await role.deps.database.query('update exports set index_written = index_wanted where id = $1', [id]);
    expect(await explainOne(role, key)).toMatchObject({ verdict: 'published' });
  });

  it('waits behind an older window that was never built', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    const key = await insertKey(role);
    await runAll(role);
    await role.deps.database.query(
      `insert into batches (export_id, window_start, window_end, bucket, filename_root, output_region, input_regions,
                            exclude_regions, include_travelers, only_non_travelers, max_records)
       select export_id, window_start - interval '1 hour', window_start, bucket, filename_root, output_region,
              input_regions, exclude_regions, include_travelers, only_non_travelers, max_records
         from batches where export_id = $1`,
      [id],
    );
    const placement = await explainOne(role, key);
    expect(placement).toMatchObject({ verdict: 'waiting', file: FILE });
    expect(placement.reason).toContain('older windows');
  });
});

describe('a key that waits', () => {
  it('says until when its window is open, then ageing, due, and published', async () => {
    await using role = await openExportRole({ minWindowAgeSeconds: 7200 });
    await insertExport(role);
    const key = await insertKey(role, { createdAt: new Date('2020-12-10T10:00:00Z') });
    await runAll(role);
    const due = new Date('2020-12-10T13:00:00Z');
    const window = { start: new Date('2020-12-10T10:00:00Z'), end: new Date('2020-12-10T11:00:00Z') };
    const open = await explainOne(role, key);
    expect(open).toMatchObject({ verdict: 'waiting', file: null, due, window });
    expect(open.reason).toContain('open until 2020-12-10T11:00:00.000Z');

    role.clock.set(new Date(due.getTime() - 1));
    expect(await explainOne(role, key)).toMatchObject({ verdict: 'waiting', due, window });
    expect((await explainOne(role, key)).reason).toContain('not old enough');
    expect((await runAll(role)).some(({ windowEnd }) => windowEnd.getTime() === window.end.getTime())).toBe(false);

    role.clock.set(due);
    expect((await explainOne(role, key)).reason).toContain('next look for work');
    await runAll(role);
    expect(await explainOne(role, key)).toMatchObject({
      verdict: 'published',
      file: 'aa/1607594400-1607598000-00001.zip',
    });
  });

  it('says that it is kept back while phones may still use it', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const release = new Date('2020-12-11T00:00:00Z');
    const key = await insertKey(role, { createdAt: release });
    await runAll(role);
    const placement = await explainOne(role, key);
    expect(placement).toMatchObject({ verdict: 'waiting', due: new Date('2020-12-11T01:00:00Z') });
    expect(placement.reason).toContain('kept back until 2020-12-11T00:00:00.000Z');
  });

  it('says why its batch failed and when it is tried again', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: [] });
    const key = await insertKey(role);
    await runAll(role);
    const placement = await explainOne(role, key);
    expect(placement).toMatchObject({ verdict: 'waiting', file: null, due: new Date(NOW.getTime() + 5_000) });
    expect(placement.reason).toMatch(/^failed after 1 try: no_active_signer: /);
  });

  it('says that its batch waits, is being built, or that the export is on hold', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: [] });
    const key = await insertKey(role);
    await runAll(role);
    const set = async (sql: string) => await role.deps.database.query(`update batches set ${sql}`);
    await set(`last_error = null, not_before = null`);
    expect((await explainOne(role, key)).reason).toBe('its batch waits for a worker');
    await set(`status = 'pending', lease_expires = '2020-12-10T10:11:00Z'`);
    expect((await explainOne(role, key)).reason).toBe('its batch is being built');
    role.clock.advance(1);
    expect((await explainOne(role, key)).reason).toBe('its batch waits for a worker');
    await writeHold(role.deps.database, 'exports', { name: 'aa', release: false, at: null });
    expect(await explainOne(role, key)).toMatchObject({ verdict: 'waiting', due: null });
    expect((await explainOne(role, key)).reason).toContain('hold export NAME --release');
  });
});

describe('a key that is excluded', () => {
  it.each([
    ['has none of the regions', {}, { regions: ['BB'] }, /none of the export's inputRegions \(AA\)$/],
    [
      'is no traveler and has none of the regions',
      { includeTravelers: true },
      { regions: ['BB'] },
      /\(AA\) and is no traveler$/,
    ],
    ['has an excluded region', { excludeRegions: ['cc'] }, { regions: ['AA', 'CC'] }, /excludeRegions \(CC\)$/],
    ['is a traveler', { onlyNonTravelers: true }, { traveler: true }, /onlyNonTravelers/],
  ])('%s: it says so, before its batch is planned and after', async (_what, config, options, reason) => {
    await using role = await openExportRole();
    await insertExport(role, config);
    const key = await insertKey(role, options);
    const other = await insertKey(role);
    for (const run of [false, true]) {
      if (run) await runAll(role);
      const placement = await explainOne(role, key);
      expect(placement).toMatchObject({ verdict: 'excluded', file: null, due: null });
      expect(placement.reason).toMatch(reason);
      expect(placement.window).toEqual({ start: WINDOW_START, end: WINDOW_END });
    }
    expect(keysIn(await readPublishedFiles(role))).toEqual([other]);
  });

  it('is judged by what its batch was planned with, whatever the export is now', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const [published, excluded] = [await insertKey(role), await insertKey(role, { regions: ['BB'] })];
    await runAll(role);
    await role.deps.database.query(`update exports set input_regions = '{BB}'`);
    expect(await explainOne(role, published)).toMatchObject({ verdict: 'published' });
    expect(await explainOne(role, excluded)).toMatchObject({ verdict: 'excluded' });
  });

  it('is judged list by list: a revision may have regions that the key had not', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const key = await insertKey(role, { regions: ['BB'], revisedAt: WINDOW_START, revisedRegions: ['AA', 'BB'] });
    await runAll(role);
    expect((await explain(role, key)).placements).toMatchObject([
      { isRevised: false, verdict: 'excluded' },
      { isRevised: true, verdict: 'published', file: FILE },
    ]);
  });

  it('is of before the first window, of before the export began, or of after it ended', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertExport(role, { name: 'later', from: new Date('2020-12-10T10:00:00Z') });
    await insertExport(role, { name: 'over', thru: new Date('2020-12-10T09:00:00Z') });
    const early = await insertKey(role, { createdAt: new Date('2020-12-10T08:00:00Z') });
    const key = await insertKey(role);
    expect((await explainOne(role, early, 'aa')).reason).toContain('begins at 2020-12-10T09:00:00.000Z');
    await runAll(role);
    expect((await explainOne(role, early, 'aa')).reason).toContain('accepted before the first');
    expect((await explainOne(role, key, 'later')).reason).toContain('before the export began');
    expect((await explainOne(role, key, 'over')).reason).toContain('after the export ended');
    for (const name of ['later', 'over']) expect(await readPublishedFiles(role, name)).toEqual([]);
  });
});

describe('a key whose file is gone', () => {
  it('says when the file left the index, and is unknown when it is deleted', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const key = await insertKey(role);
    await runAll(role);
    const expiry = new Date(WINDOW_START.getTime() + 14 * 86_400_000);
    role.clock.set(expiry);

    await writeOutdatedIndexes(role.deps);
    const placement = await explainOne(role, key);
    expect(placement).toMatchObject({ verdict: 'expired', file: FILE, due: null });
    expect(placement.reason).toContain(expiry.toISOString());
    await role.deps.database.query('delete from exposures');
    expect(await explainKey(role.deps, { key: Buffer.from(key, 'hex') })).toBeNull();
  });
});

describe('every verdict', () => {
  it('agrees with the files, for any keys and any exports', async () => {
    await using role = await openExportRole({ minRecords: 6, paddingRange: 3 });
    const regions = ['AA', 'BB', 'CC'];
    await insertExport(role, { name: 'one', inputRegions: ['AA'], maxRecords: 6 });
    await insertExport(role, { name: 'two', inputRegions: ['AA', 'BB'], excludeRegions: ['CC'] });
    await insertExport(role, { name: 'travel', inputRegions: ['CC'], includeTravelers: true, periodSeconds: 7200 });
    await insertExport(role, { name: 'stay', inputRegions: regions, onlyNonTravelers: true });
    for (let index = 0; index < 20; index++) {
      const createdAt = new Date(Date.UTC(2020, 11, 10, 7 + (index % 5)));
      await insertKey(role, {
        createdAt,
        regions: regions.filter((_region, bit) => ((index * 7 + 1) >> bit) & 1),
        traveler: index % 3 === 0,
        ...(index % 4 === 0 ? { revisedAt: new Date(createdAt.getTime() + 3_600_000) } : {}),
        ...(index % 5 === 0 ? { withdrawnAt: new Date(createdAt.getTime() + 3_600_000) } : {}),
      });
    }
    await runAll(role);
    role.clock.advance(3_600_000);
    await runAll(role);
    const { rows } = await role.deps.database.query<{ key: string }>(
      `select encode(key, 'hex') as key from exposures union all select encode(key, 'hex') from padding_keys`,
    );
    expect(rows.length).toBeGreaterThan(25);
    const told = new Map<string, number>();
    for (const name of ['one', 'two', 'travel', 'stay']) {
      const files = await readPublishedFiles(role, name);
      const found = { keys: new Set(keysIn(files, 'keys')), revisedKeys: new Set(keysIn(files, 'revisedKeys')) };
      for (const { key } of rows) {
        for (const { isRevised, verdict } of (await explain(role, key, name)).placements) {
          const isIn = found[isRevised ? 'revisedKeys' : 'keys'].has(key);
          expect({ name, key, isRevised, isIn: verdict === 'published' }).toEqual({ name, key, isRevised, isIn });
          told.set(verdict, (told.get(verdict) ?? 0) + 1);
        }
      }
    }
    expect([...told.keys()].sort()).toEqual(['excluded', 'published', 'waiting']);
  });
});

describe('a question', () => {
  it('about a key that was never accepted is answered with nothing', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKey(role);
    expect(await explainKey(role.deps, { key: randomBytes(16) })).toBeNull();
  });

  it.each([0, 15, 17])('with %i bytes is refused', async (length) => {
    await using role = await openExportRole();
    await expect(explainKey(role.deps, { key: Buffer.alloc(length) })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'bad_key',
    });
  });

  it('changes nothing, not even the closing of windows', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const key = await insertKey(role);
    const state = async () => (await role.deps.database.query('select * from window_state')).rows;
    const before = await state();
    await explain(role, key);
    expect(await state()).toEqual(before);
    expect((await role.deps.database.query('select from batches')).rows).toHaveLength(0);
  });
});
