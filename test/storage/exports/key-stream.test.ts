/** Reading a batch's keys: filters, order, revised values, and what becomes of the connection. */
import { describe, expect, it } from 'vitest';
import type { KeyRange, KeySelection } from '../../../src/domain/export/batch.ts';
import { NO_ONSET } from '../../../src/domain/export-file/key-block.ts';
import type { KeyList } from '../../../src/domain/export-file/format.ts';
import type { Database } from '../../../src/storage/database.ts';
import { countKeys, keysAt, windowKeys } from '../../../src/storage/exports/key-stream.ts';
import * as literal from '../../../src/storage/sql-literals.ts';
import { insertKeys, WINDOW_START } from '../../support/export-role.ts';
import { createTestDatabase } from '../../support/postgres.ts';

const selection: KeySelection = {
  windowStart: WINDOW_START,
  windowEnd: new Date('2020-12-10T10:00:00Z'),
  inputRegions: ['AA'],
  excludeRegions: [],
  includeTravelers: false,
  onlyNonTravelers: false,
  paddingDecision: null,
};
const everything = { after: null, through: null };

interface Row {
  key: string;
  start: number;
  period: number;
  risk: number;
  reportType: number;
  onset: number;
}

async function read(
  database: Database,
  change: Partial<KeySelection> = {},
  { list = 'keys', range = everything }: { list?: KeyList; range?: KeyRange } = {},
): Promise<Row[]> {
  return await database.withClient(async (client) => {
    const rows: Row[] = [];
    for await (const block of windowKeys(client, { ...selection, ...change }, { list, range })) {
      for (let row = 0; row < block.count; row++) {
        rows.push({
          key: block.keys.toString('hex', row * 16, row * 16 + 16),
          start: block.start[row]!,
          period: block.period[row]!,
          risk: block.risk[row]!,
          reportType: block.reportType[row]!,
          onset: block.onset[row]!,
        });
      }
    }
    return rows;
  });
}

async function keys(database: Database, change: Partial<KeySelection> = {}, list: KeyList = 'keys'): Promise<string[]> {
  return (await read(database, change, { list })).map(({ key }) => key);
}

function inOrder(...lists: string[][]): string[] {
  return lists.flat().sort();
}

describe('the stream of a window', () => {
  it('gives every key once with its attributes, in key order', async () => {
    await using test = await createTestDatabase();
    const inserted = await insertKeys(test.database, { count: 20_000 });
    const rows = await read(test.database);
    expect(rows.map(({ key }) => key)).toEqual(inserted);
    const { rows: stored } = await test.database.query(
      `select encode(key, 'hex') as key, interval_start as start, interval_count as period, transmission_risk as risk,
              report_type as "reportType", coalesce(days_since_onset, $1) as onset
         from exposures order by key`,
      [NO_ONSET],
    );
    expect(rows).toEqual(stored);
    expect(new Set(rows.map(({ onset }) => onset)).has(NO_ONSET)).toBe(true);
  });

  it('begins with its start and ends before its end', async () => {
    await using test = await createTestDatabase();
    const [first] = await insertKeys(test.database, { count: 1 });
    const [last] = await insertKeys(test.database, { count: 1, createdAt: new Date('2020-12-10T09:59:59.999Z') });
    await insertKeys(test.database, { count: 1, createdAt: selection.windowEnd });
    await insertKeys(test.database, { count: 1, createdAt: new Date('2020-12-10T08:59:59.999Z') });
    expect(await keys(test.database)).toEqual(inOrder([first!, last!]));
  });

  it('is empty without keys', async () => {
    await using test = await createTestDatabase();
    expect(await keys(test.database)).toEqual([]);
  });

  it('takes keys of any included region, whatever the number of regions', async () => {
    await using test = await createTestDatabase();
    const aa = await insertKeys(test.database, { count: 2, regions: ['AA'] });
    const bb = await insertKeys(test.database, { count: 2, regions: ['BB'] });
    const both = await insertKeys(test.database, { count: 2, regions: ['BB', 'AA'] });
    await insertKeys(test.database, { count: 2, regions: ['CC'] });
    expect(await keys(test.database, { inputRegions: [] })).toEqual([]);
    expect(await keys(test.database, { inputRegions: ['AA'] })).toEqual(inOrder(aa, both));
    expect(await keys(test.database, { inputRegions: ['AA', 'BB', 'AA'] })).toEqual(inOrder(aa, bb, both));
  });

  it('leaves out keys with any excluded region, whatever the number of regions', async () => {
    await using test = await createTestDatabase();
    const aa = await insertKeys(test.database, { count: 2, regions: ['AA'] });
    const withBb = await insertKeys(test.database, { count: 2, regions: ['AA', 'BB'] });
    await insertKeys(test.database, { count: 2, regions: ['AA', 'CC'] });
    expect(await keys(test.database, { excludeRegions: ['CC'] })).toEqual(inOrder(aa, withBb));
    expect(await keys(test.database, { excludeRegions: ['BB', 'CC'] })).toEqual(aa);
  });

  it('takes travelers of all regions when they are included, but not from excluded regions', async () => {
    await using test = await createTestDatabase();
    const home = await insertKeys(test.database, { count: 2 });
    const traveler = await insertKeys(test.database, { count: 2, regions: ['BB'], traveler: true });
    await insertKeys(test.database, { count: 2, regions: ['CC'], traveler: true });
    await insertKeys(test.database, { count: 2, regions: ['BB'] });
    const change = { includeTravelers: true, excludeRegions: ['CC'] };
    expect(await keys(test.database, change)).toEqual(inOrder(home, traveler));
  });

  it('leaves travelers out when only others are wanted', async () => {
    await using test = await createTestDatabase();
    const home = await insertKeys(test.database, { count: 2 });
    await insertKeys(test.database, { count: 2, traveler: true });
    expect(await keys(test.database, { onlyNonTravelers: true })).toEqual(home);
  });

  it('gives a range of keys, after its start and up to its end', async () => {
    await using test = await createTestDatabase();
    const inserted = await insertKeys(test.database, { count: 10 });
    const range = { after: Buffer.from(inserted[2]!, 'hex'), through: Buffer.from(inserted[5]!, 'hex') };
    const rows = await read(test.database, {}, { range });
    expect(rows.map(({ key }) => key)).toEqual(inserted.slice(3, 6));
  });
});

describe('the stream of revisions', () => {
  it('gives the revised risk, report type and onset', async () => {
    await using test = await createTestDatabase();
    const revised = await insertKeys(test.database, {
      count: 3,
      createdAt: new Date('2020-12-09T00:00:00Z'),
      revisedAt: WINDOW_START,
    });
    const rows = await read(test.database, {}, { list: 'revisedKeys' });
    expect(rows.map(({ key }) => key)).toEqual(revised);
    expect(rows[0]).toMatchObject({ risk: 6, reportType: 5, onset: 2 });
    expect(await keys(test.database)).toEqual([]);
  });

  it('leaves the first values to the window in which a key came', async () => {
    await using test = await createTestDatabase();
    const inserted = await insertKeys(test.database, { count: 2, revisedAt: new Date('2020-12-10T12:00:00Z') });
    const rows = await read(test.database);
    expect(rows.map(({ key }) => key)).toEqual(inserted);
    expect(rows[0]).toMatchObject({ risk: 2, reportType: 1 });
    expect(await keys(test.database, {}, 'revisedKeys')).toEqual([]);
  });

  it('has keys that came and were revised in one window in both lists', async () => {
    await using test = await createTestDatabase();
    const inserted = await insertKeys(test.database, { count: 2, revisedAt: WINDOW_START });
    expect(await keys(test.database)).toEqual(inserted);
    expect(await keys(test.database, {}, 'revisedKeys')).toEqual(inserted);
  });

  it('goes by the revised regions and traveler flag where the revision names them', async () => {
    await using test = await createTestDatabase();
    const createdAt = new Date('2020-12-09T00:00:00Z');
    const revision = { count: 2, createdAt, revisedAt: WINDOW_START };
    const came = await insertKeys(test.database, { ...revision, regions: ['BB'], revisedRegions: ['AA', 'BB'] });
    await insertKeys(test.database, { ...revision, revisedRegions: ['BB'] });
    await insertKeys(test.database, { ...revision, revisedTraveler: true });
    expect(await keys(test.database, { onlyNonTravelers: true }, 'revisedKeys')).toEqual(came);
  });
});

describe('padding in the stream', () => {
  it('is merged in key order, up to the decision and of the list that it was made for', async () => {
    await using test = await createTestDatabase();
    const real = await insertKeys(test.database, { count: 50 });
    await test.database.query(
      `insert into padding_keys (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                                 regions, revised, decision)
       select decode(md5('padding' || i), 'hex'), $1, 1, 144, 0, 1, false, array['AA'], i % 2 = 0, i from generate_series(1, 6) as i`,
      [WINDOW_START],
    );
    const padding = await keysOfPadding(test.database, 'not revised and decision <= 4');
    expect(await keys(test.database, { paddingDecision: '4' })).toEqual(inOrder(real, padding));
    expect(await keys(test.database)).toEqual(real);
    const revised = await keysOfPadding(test.database, 'revised and decision <= 4');
    expect(await keys(test.database, { paddingDecision: '4' }, 'revisedKeys')).toEqual(revised);
    const counted = await countKeys(test.database, { ...selection, paddingDecision: '4' }, 'padding');
    expect(counted).toEqual({ keys: 2, revisedKeys: 2 });
    expect(await countKeys(test.database, { ...selection, paddingDecision: '4' }, 'all')).toEqual({
      keys: 52,
      revisedKeys: 2,
    });
    expect(await countKeys(test.database, selection, 'padding')).toEqual({ keys: 0, revisedKeys: 0 });
  });
});

async function keysOfPadding(database: Database, condition: string): Promise<string[]> {
  const { rows } = await database.query<{ key: string }>(
    `select encode(key, 'hex') as key from padding_keys where ${condition} order by key`,
  );
  return rows.map(({ key }) => key);
}

describe('positions', () => {
  it('are counted from 0 in key order', async () => {
    await using test = await createTestDatabase();
    const inserted = await insertKeys(test.database, { count: 10 });
    const found = await keysAt(test.database, selection, { list: 'keys', positions: [0, 4, 10] });
    expect([...found].map(([position, key]) => [position, key.toString('hex')]).sort()).toEqual([
      [0, inserted[0]],
      [4, inserted[4]],
    ]);
  });
});

describe('literals', () => {
  it('keep hostile text what it is', async () => {
    await using test = await createTestDatabase();
    const texts = ["'", "\\'; drop table exposures; --", '\\', '{a,"b"}', 'Ä\n', ''];
    const { rows } = await test.database.query<{ texts: string[] }>(
      `select ${literal.textArrayLiteral(texts)} as texts`,
    );
    expect(rows[0]!.texts).toEqual(texts);
    const region = "AA'] or true --";
    expect(await keys(test.database, { inputRegions: [region], excludeRegions: [region] })).toEqual([]);
  });

  it('write bytes, times and large numbers', async () => {
    await using test = await createTestDatabase();
    const time = new Date('2020-12-10T09:59:59.999Z');
    const { rows } = await test.database.query(
      `select ${literal.byteaLiteral(Buffer.from([0, 255]))} as bytes, ${literal.timestampLiteral(time)} as time,
              ${literal.bigintLiteral('9007199254740993')} as number`,
    );
    expect(rows[0]).toEqual({ bytes: Buffer.from([0, 255]), time, number: '9007199254740993' });
    expect(() => literal.bigintLiteral('1; drop table x')).toThrow(SyntaxError);
  });
});

describe('the connection', () => {
  it('serves the next statement after a stream', async () => {
    await using test = await createTestDatabase();
    await insertKeys(test.database, { count: 3 });
    await test.database.withClient(async (client) => {
      for (let round = 0; round < 3; round++) {
        const blocks = await Array.fromAsync(
          windowKeys(client, selection, { list: 'keys', range: everything }),
          ({ count }) => count,
        );
        expect(blocks).toEqual([3]);
        expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      }
    });
  });

  it('is closed when the COPY is refused', async () => {
    await using test = await createTestDatabase();
    const failed = read(test.database, { paddingDecision: '99999999999999999999' });
    await expect(failed).rejects.toMatchObject({ kind: 'internal' });
    expect(await read(test.database)).toEqual([]);
  });

  it.each(['throws', 'returns'])('is closed when a reader %s early, and the pool goes on', async (how) => {
    await using test = await createTestDatabase();
    await insertKeys(test.database, { count: 50_000 });
    let pid = 0;
    const stopped = test.database.withClient(async (client) => {
      pid = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
      for await (const block of windowKeys(client, selection, { list: 'keys', range: everything })) {
        expect(block.count).toBeGreaterThan(0);
        if (how === 'throws') throw new Error('enough');
        return 'enough';
      }
      return 'all';
    });
    if (how === 'throws') await expect(stopped).rejects.toThrow('enough');
    else expect(await stopped).toBe('enough');
    expect(await read(test.database)).toHaveLength(50_000);
    const { rows } = await test.database.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(rows[0]!.pid).not.toBe(pid);
  });

  it('that is killed ends the stream with an error', async () => {
    await using test = await createTestDatabase();
    await insertKeys(test.database, { count: 100_000 });
    const killed = test.database.withClient(async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const blocks = windowKeys(client, selection, { list: 'keys', range: everything });
      await blocks.next();
      await test.database.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
      while (!(await blocks.next()).done);
    });
    await expect(killed).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await read(test.database, { inputRegions: ['BB'] })).toEqual([]);
  });
});
