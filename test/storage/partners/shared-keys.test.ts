/** What partners may have, out of a real database: filters, order, pages. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginning, startOf, type Position } from '../../../src/domain/federation/position.ts';
import type { SharingScope } from '../../../src/domain/federation/scope.ts';
import { keyEvents, type SharedKey } from '../../../src/domain/federation/shared-key.ts';
import type { Database } from '../../../src/storage/database.ts';
import { countSharedKeys, readSharedKeys } from '../../../src/storage/partners/shared-keys.ts';
import { readWindowState } from '../../../src/storage/windows.ts';
import { addRows, keyNumber, type ExposureRow } from '../../federation/serve/exposure-rows.ts';
import { createTestDatabase } from '../../support/postgres.ts';

const recipient = 'https://id.bb.example#federation';
const anything: SharingScope = {
  regions: ['AA', 'BB'],
  excludeRegions: [],
  onlyLocal: false,
  onlyTravelers: false,
  omitOnset: false,
  recipient,
};

interface ReadOptions {
  readonly scope?: Partial<SharingScope>;
  readonly limit?: number;
  readonly after?: Position;
}

/** Page after page, up to the last closed window. */
async function readAll(
  database: Database,
  { scope = {}, limit = 1_000, after = beginning }: ReadOptions = {},
): Promise<SharedKey[]> {
  const { closedThrough: through } = await readWindowState(database);
  const keys: SharedKey[] = [];
  for (let position = after; position.at < through;) {
    const page = await readSharedKeys(database, { ...anything, ...scope }, { after: position, through, limit });
    expect(page.keys.length).toBeLessThanOrEqual(limit);
    keys.push(...page.keys);
    position = page.reached;
  }
  return keys;
}

/** Which of the rows, by their index and event. */
function names(keys: readonly SharedKey[]): string[] {
  const indexes = new Map(Array.from({ length: 200 }, (_, index) => [keyNumber(index), index]));
  return keys.map(({ key, event }) => `${String(indexes.get(key.toString('hex')))} ${event}`);
}

async function sharedOf(rows: readonly ExposureRow[], scope: Partial<SharingScope> = {}): Promise<SharedKey[]> {
  await using test = await createTestDatabase();
  await addRows(test.database, rows);
  return await readAll(test.database, { scope });
}

describe('a shared key', () => {
  it('has everything that was published, and of its regions those that the recipient may see', async () => {
    const [key] = await sharedOf([
      { risk: 7, reportType: 2, onset: -14, traveler: true, regions: ['ZZ', 'BB', 'AA', 'CC'] },
    ]);
    expect(key).toEqual({
      key: Buffer.from(keyNumber(0), 'hex'),
      event: 'published',
      intervalStart: 2_650_000,
      intervalCount: 144,
      transmissionRisk: 7,
      reportType: 'likely',
      daysSinceOnset: -14,
      traveler: true,
      regions: ['AA', 'BB'],
      path: [],
    });
  });

  it('says with its revision what is true from then on, and when it is withdrawn that nothing is', async () => {
    const keys = await sharedOf([
      {
        ...{ window: -2, revisedWindow: -1, withdrawnWindow: 0 },
        ...{
          reportType: 2,
          onset: 3,
          revisedReportType: 1,
          revisedOnset: 4,
          revisedRegions: ['BB'],
          revisedTraveler: true,
        },
      },
    ]);
    expect(keys).toMatchObject([
      {
        event: 'published',
        reportType: 'likely',
        daysSinceOnset: 3,
        regions: ['AA'],
        traveler: false,
        transmissionRisk: 2,
      },
      {
        event: 'revised',
        reportType: 'confirmed',
        daysSinceOnset: 4,
        regions: ['BB'],
        traveler: true,
        transmissionRisk: 6,
      },
      { event: 'withdrawn', reportType: 'negative', regions: ['BB'], traveler: true },
    ]);
  });

  it('keeps its region and traveler flag when a revision names none', async () => {
    const [, revised] = await sharedOf([{ window: -1, revisedWindow: 0, traveler: true, revisedOnset: null }]);
    expect(revised).toMatchObject({ regions: ['AA'], traveler: true, daysSinceOnset: null });
  });

  it('tells the authorities that it came through, and not what an import is called here', async () => {
    const path = ['https://id.cc.example#federation', 'https://id.dd.example#federation'];
    const keys = await sharedOf([{ provenance: path }, { provenance: ['import:secret-name'], importId: 1 }]);
    expect(new Set(keys.map((key) => key.path.join()))).toEqual(new Set([path.join(), '']));
  });
});

describe('Federation decision 1: who gets which keys', () => {
  const rows: ExposureRow[] = [
    { regions: ['AA'] },
    { regions: ['BB'] },
    { regions: ['AA', 'CC'] },
    { regions: ['CC', 'DD'] },
    { regions: [] },
    { regions: ['CC'], traveler: true },
  ];

  it.each([
    [{ regions: ['AA'] }, [0, 2]],
    [{ regions: ['BB', 'DD'] }, [1, 3]],
    [{ regions: ['AA', 'BB', 'CC', 'DD'] }, [0, 1, 2, 3, 5]],
    [{ regions: ['AA', 'BB'], excludeRegions: ['CC'] }, [0, 1]],
    [{ regions: ['AA', 'BB'], excludeRegions: ['CC', 'BB'] }, [0]],
    [{ regions: ['CC'], onlyTravelers: true }, [5]],
    [{ regions: ['XX'] }, []],
  ])('%j', async (scope, expected) => {
    expect(names(await sharedOf(rows, scope)).sort()).toEqual(expected.map((index) => `${String(index)} published`));
  });

  it('a revision goes by the regions and the traveler flag that it has', async () => {
    const revised: ExposureRow = { window: -1, revisedWindow: 0 };
    const keys = await sharedOf(
      [
        { ...revised, revisedRegions: ['BB'] },
        { ...revised, regions: ['BB'], revisedRegions: ['AA', 'BB'], revisedTraveler: true },
        { ...revised, revisedRegions: ['AA', 'CC'] },
      ],
      { regions: ['BB'], excludeRegions: ['CC'] },
    );
    expect(names(keys).sort()).toEqual(['0 revised', '1 published', '1 revised']);
  });
});

describe('Federation decision 3: what never leaves', () => {
  it('padding, and keys that came back out of files of ours', async () => {
    await using test = await createTestDatabase();
    await addRows(test.database, [{ adopted: true }, { adopted: true, window: -1, revisedWindow: 0 }]);
    await test.database.query(
      `insert into padding_keys (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
       select decode(md5('padding'), 'hex'), closed_through - interval '1 hour', 2650000, 144, 2, 1, false, '{AA}' from window_state`,
    );
    expect(await readAll(test.database)).toEqual([]);
  });

  it('a key whose way led through the recipient', async () => {
    const other = 'https://id.cc.example#federation';
    const keys = await sharedOf([
      { provenance: [recipient] },
      { provenance: [recipient, other] },
      { provenance: [other, recipient], window: -1, revisedWindow: 0 },
      { provenance: [other] },
      { provenance: [`${recipient}x`] },
    ]);
    expect(names(keys).sort()).toEqual(['3 published', '4 published']);
  });

  it('keys of others, unless the grant says so', async () => {
    const rows: ExposureRow[] = [
      {},
      { provenance: ['https://id.cc.example#federation'], partnerId: 1 },
      { provenance: ['import:dd'], importId: 1 },
    ];
    expect(names(await sharedOf(rows, { onlyLocal: true }))).toEqual(['0 published']);
    expect(await sharedOf(rows)).toHaveLength(3);
  });

  it('windows that are not closed: keys of the present one, and those under embargo', async () => {
    const keys = await sharedOf([{}, { window: 1 }, { window: 20 }, { window: 0, revisedWindow: 1 }]);
    expect(names(keys).sort()).toEqual(['0 published', '3 published']);
  });
});

describe('Federation decision 9: without onset', () => {
  it('neither onset nor self reports are shared', async () => {
    const keys = await sharedOf(
      [
        { onset: 1 },
        { reportType: 3, onset: 1 },
        { reportType: 3, window: -1, revisedWindow: 0, revisedReportType: 1, revisedOnset: 2 },
        { reportType: 3, window: -1, withdrawnWindow: 0 },
        { reportType: 1, window: -1, withdrawnWindow: 0 },
      ],
      { omitOnset: true },
    );
    expect(names(keys).sort()).toEqual(['0 published', '2 revised', '4 published', '4 withdrawn']);
    expect(new Set(keys.map(({ daysSinceOnset }) => daysSinceOnset))).toEqual(new Set([null]));
  });
});

describe('Federation decision 2: pages by (window, event, key)', () => {
  it('give windows in turn, in each published, revised and withdrawn keys, each ascending', async () => {
    await using test = await createTestDatabase();
    const window = () =>
      Array.from({ length: 5 }, (_, i) => ({ window: -3, revisedWindow: -(i % 3), withdrawnWindow: 0 }));
    await addRows(test.database, [...window(), ...window().map((row) => ({ ...row, window: -1, revisedWindow: -1 }))]);
    const keys = await readAll(test.database, { limit: 4 });
    const { rows } = await test.database.query<{ name: string }>(
      `select encode(key, 'hex') || ' ' || event as name
         from (select created_at as at, 0 as n, 'published' as event, key from exposures
               union all select revised_at, 1, 'revised', key from exposures
               union all select withdrawn_at, 2, 'withdrawn', key from exposures) as events order by at, n, key`,
    );
    expect(keys.map(({ key, event }) => `${key.toString('hex')} ${event}`)).toEqual(rows.map(({ name }) => name));
  });

  it('give everything once, whatever the data and the size of a page', async () => {
    const windows = fc.integer({ min: -3, max: 1 });
    const row = fc.record<ExposureRow>({
      window: windows,
      revisedWindow: fc.option(windows, { nil: undefined }),
      withdrawnWindow: fc.option(windows, { nil: undefined }),
      regions: fc.subarray(['AA', 'CC']),
      adopted: fc.constantFrom(false, false, true),
    });
    await using test = await createTestDatabase();
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), fc.integer({ min: 1, max: 30 }), async (rows, limit) => {
        await test.database.query('truncate exposures');
        await addRows(test.database, rows);
        const expected = rows.flatMap(({ window, revisedWindow, withdrawnWindow, regions, adopted }, index) => {
          if (adopted === true || !regions!.includes('AA')) return [];
          return [window, revisedWindow, withdrawnWindow].flatMap((at, event) =>
            at === undefined || at > 0 ? [] : `${String(index)} ${keyEvents[event]!}`,
          );
        });
        expect(names(await readAll(test.database, { limit })).sort()).toEqual(expected.sort());
      }),
      { numRuns: 25 },
    );
  });

  it('go on in the middle of an event, and at each event of a window', async () => {
    await using test = await createTestDatabase();
    await addRows(
      test.database,
      Array.from({ length: 4 }, () => ({ window: -1, revisedWindow: -1, withdrawnWindow: -1 })),
    );
    const all = await readAll(test.database);
    const { closedThrough: through } = await readWindowState(test.database);
    const page = await readSharedKeys(test.database, anything, { after: beginning, through, limit: 100 });
    for (const [index] of all.entries()) {
      const after = page.positionAt(index);
      expect(names(await readAll(test.database, { after }))).toEqual(names(all.slice(index + 1)));
    }
    for (const [skipped, event] of keyEvents.entries()) {
      const after = { ...startOf(page.positionAt(0).at), event };
      expect(names(await readAll(test.database, { after }))).toEqual(names(all.slice(skipped * 4)));
    }
  });

  it('say that nothing comes after the last key, also when it fills the page', async () => {
    await using test = await createTestDatabase();
    await addRows(
      test.database,
      Array.from({ length: 6 }, () => ({})),
    );
    const { closedThrough: through } = await readWindowState(test.database);
    for (const [limit, reached] of [
      [5, { key: expect.any(Buffer) as Buffer }],
      [6, startOf(through)],
      [7, startOf(through)],
    ] as const) {
      expect(await readSharedKeys(test.database, anything, { after: beginning, through, limit })).toMatchObject({
        reached,
      });
    }
  });

  it('never name a key that the recipient may not see, however many there are', async () => {
    await using test = await createTestDatabase();
    const hidden = Array.from({ length: 3_000 }, () => ({ window: -1, regions: ['CC'] }));
    await addRows(test.database, [...hidden, { window: 0 }]);
    const { closedThrough: through } = await readWindowState(test.database);
    const page = await readSharedKeys(test.database, anything, { after: beginning, through, limit: 1 });
    expect(page.keys.map(({ key }) => key.toString('hex'))).toEqual([keyNumber(3_000)]);
    expect(page.reached).toEqual(startOf(through));
    const nothing = { ...anything, regions: ['XX'] };
    expect(await readSharedKeys(test.database, nothing, { after: beginning, through, limit: 1 })).toMatchObject({
      keys: [],
      reached: startOf(through),
    });
  });

  it('end early at the start of a window when very much is hidden, and go on from there without loss', async () => {
    await using test = await createTestDatabase();
    const hidden = (window: number) => Array.from({ length: 50 }, () => ({ window, regions: ['CC'] }));
    await addRows(test.database, [...hidden(-3), ...hidden(-2), ...hidden(-1), { window: -1 }, { window: 0 }]);
    const { closedThrough: through } = await readWindowState(test.database);
    const found: string[] = [];
    const places: string[] = [];
    for (let after: Position = beginning; after.at < through;) {
      const page = await readSharedKeys(test.database, anything, { after, through, limit: 3, patience: 20 });
      found.push(...page.keys.map(({ key }) => key.toString('hex')));
      if (page.keys.length === 0) expect(page.reached.key).toBeNull();
      expect(page.reached.at.getTime()).toBeGreaterThan(after.at.getTime());
      places.push(page.reached.at.toISOString());
      after = page.reached;
    }
    expect(found).toEqual([keyNumber(150), keyNumber(151)]);
    expect(new Set(places).size).toBe(places.length);
    expect(places.length).toBeGreaterThan(1);
  });

  it('walk by the index although nothing is known of a table that has just been filled', async () => {
    await using test = await createTestDatabase();
    await addRows(
      test.database,
      Array.from({ length: 100 }, () => ({})),
    );
    const plans: string[] = [];
    const database = {
      transaction: (work: (client: { query: (text: string, values?: unknown[]) => Promise<unknown> }) => unknown) =>
        test.database.transaction(async (client) => {
          return await work({
            query: async (text, values) => {
              if (values !== undefined) {
                const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
                plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
              }
              return await client.query(text, values);
            },
          });
        }),
    } as unknown as Database;
    const { closedThrough: through } = await readWindowState(test.database);
    await readSharedKeys(database, anything, { after: beginning, through, limit: 10 });
    expect(plans).toHaveLength(1);
    for (const column of ['created_at', 'revised_at', 'withdrawn_at']) {
      expect(plans[0]).toContain(`Index Scan using exposures_${column}_key`);
    }
    expect(plans[0]).not.toMatch(/Seq Scan on exposures|Bitmap/);
  });

  it('end when the reader goes', async () => {
    await using test = await createTestDatabase();
    const { closedThrough: through } = await readWindowState(test.database);
    const signal = AbortSignal.abort(new Error('gone'));
    const range = { after: beginning, through, limit: 1, signal };
    await expect(readSharedKeys(test.database, anything, range)).rejects.toThrow('gone');
  });
});

describe('the count', () => {
  it('is exact up to its bound, of the same keys', async () => {
    await using test = await createTestDatabase();
    await addRows(test.database, [
      ...Array.from({ length: 20 }, () => ({ window: -1, revisedWindow: 0 })),
      ...[{ regions: ['CC'] }, { window: 1 }, { adopted: true }],
    ]);
    const { closedThrough: through } = await readWindowState(test.database);
    const count = (after: Position, most: number) => countSharedKeys(test.database, anything, { after, through, most });
    expect(await count(beginning, 100)).toBe(40);
    expect(await count(beginning, 5)).toBeLessThan(40);
    const page = await readSharedKeys(test.database, anything, { after: beginning, through, limit: 15 });
    expect(await count(page.reached, 100)).toBe(25);
    expect(await count(startOf(through), 100)).toBe(0);
  });
});
