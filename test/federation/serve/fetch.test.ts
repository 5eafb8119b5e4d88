/** Fetch, walked by an independent client exactly as a deployed partner walks it. */
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { DeployedClient } from './deployed-client.ts';
import { addRows, keyNumber, type ExposureRow } from './exposure-rows.ts';
import { openServing, type Serving } from './serving.ts';

function many(count: number, row: ExposureRow = {}): ExposureRow[] {
  return Array.from({ length: count }, () => row);
}

function clientOf(served: Serving, request: object = {}): DeployedClient {
  return new DeployedClient(served.target, served.token, request);
}

/** The keys of these numbers, in order. */
function numbers(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => keyNumber(first + index)).sort();
}

describe('Federation decision 2: a deployed partner', () => {
  it.each([500, 499])('walks 3,000 keys of one creation time in pages of %i, each once', async (maxExposureKeys) => {
    await using served = await openServing();
    await addRows(served.authority.database, many(3_000));
    using client = clientOf(served, { maxExposureKeys });
    await client.run();
    expect([...client.keys.keys()].sort()).toEqual(numbers(0, 3_000));
    expect(client.received).toBe(3_000);
    expect(client.calls).toBe(Math.ceil(3_001 / maxExposureKeys));
  });

  it.each([1, 2])('walks pages of %i, with revisions and withdrawals, each once', async (maxExposureKeys) => {
    await using served = await openServing();
    await addRows(served.authority.database, [
      ...many(5, { window: -1 }),
      ...many(5, { window: -1, revisedWindow: 0 }),
      ...many(3, { window: -1, revisedWindow: -1, withdrawnWindow: 0 }),
    ]);
    using client = clientOf(served, { maxExposureKeys });
    await client.run();
    expect([...client.keys.keys()].sort()).toEqual(numbers(0, 13));
    expect([...client.revisedKeys.keys()].sort()).toEqual(numbers(5, 8));
    expect(client.received).toBe(13 + 8 + 3);
  });

  it('gets nothing more once it is at the end, then what new windows bring, without loss', async () => {
    await using served = await openServing();
    const { database } = served.authority;
    await addRows(database, [...many(10), ...many(7, { window: 1 })]);
    using client = clientOf(served, { maxExposureKeys: 4 });
    await client.run();
    expect(client.received).toBe(10);
    const before = client.calls;
    await client.run();
    expect([client.received, client.calls - before]).toEqual([10, 1]);
    served.endWindow();
    await client.run();
    expect([...client.keys.keys()].sort()).toEqual(numbers(0, 17));
    expect(client.received).toBe(17);
  });

  it('loses nothing when a window closes in the middle of its walk', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [...many(6, { revisedWindow: 1 }), ...many(6, { window: 1 })]);
    using client = clientOf(served);
    const first = await client.fetch({ maxExposureKeys: 4 });
    served.endWindow();
    client.state = first.nextFetchState;
    await client.run();
    const walked = [...first.keys.map(({ exposureKey }) => exposureKey.toString('hex')), ...client.keys.keys()];
    expect(walked.sort()).toEqual(numbers(0, 12));
    expect([...client.revisedKeys.keys()].sort()).toEqual(numbers(0, 6));
  });

  it('gets the rest after a crash in the middle', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [...many(25), ...many(5, { window: -1, revisedWindow: 0 })]);
    using client = clientOf(served, { maxExposureKeys: 3 });
    for (const crashAfter of [1, 4, 10, 11]) await client.run({ crashAfter });
    await client.run();
    expect([...client.keys.keys()].sort()).toEqual(numbers(0, 30));
    expect([...client.revisedKeys.keys()].sort()).toEqual(numbers(25, 5));
  });

  it('gets a revision never before its key', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [...many(5, { window: -1, revisedWindow: -1 }), ...many(5)]);
    using client = clientOf(served);
    const first = await client.fetch({ maxExposureKeys: 9 });
    expect([first.keys.length, first.revisedKeys.length, first.partialResponse]).toEqual([9, 0, true]);
    const second = await client.fetch({ maxExposureKeys: 9, state: first.nextFetchState });
    expect([second.keys.length, second.revisedKeys.length, second.partialResponse]).toEqual([1, 5, false]);
  });

  it('may leave out the state, one cursor, or both', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, many(3, { window: -1, revisedWindow: 0 }));
    using client = clientOf(served);
    for (const state of [undefined, {}, { keyCursor: {} }, { revisedKeyCursor: {} }]) {
      const page = await client.fetch({ state });
      expect([page.keys.length, page.revisedKeys.length, page.partialResponse]).toEqual([3, 3, false]);
      expect(page.nextFetchState.keyCursor.timestamp).toBe(page.nextFetchState.revisedKeyCursor.timestamp);
      expect(page.nextFetchState.keyCursor.nextToken).toBe('');
    }
  });

  it('gets nothing for a time in the future, and is not answered for a state that nobody gave it', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, many(3));
    using client = clientOf(served);
    const future = { timestamp: '9223372036854775807', nextToken: '' };
    expect((await client.fetch({ state: { keyCursor: future } })).keys).toEqual([]);
    const bad = [
      ...[
        { timestamp: '1600000000', nextToken: 'NTAw' },
        { timestamp: '0', nextToken: '\0' },
      ],
      ...[{ timestamp: '-9223372036854775808', nextToken: '' }],
    ];
    for (const cursor of bad) {
      for (const state of [{ keyCursor: cursor }, { revisedKeyCursor: cursor }]) {
        await expect(client.fetch({ state })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
      }
    }
  });
});

describe('Federation decision 1: a deployed partner', () => {
  it('that names no region gets all that is granted, and no key with an excluded one', async () => {
    await using served = await openServing();
    await served.grant({ regions: ['AA', 'BB', 'CC'], excludeRegions: ['DD'] });
    await addRows(served.authority.database, [
      ...[{ regions: ['AA', 'CC', 'ZZ'] }, { regions: ['BB'] }, { regions: ['AA', 'DD'] }],
      ...[{ regions: ['AA', 'EE'] }, { regions: ['ZZ'], traveler: true }],
    ]);
    using client = clientOf(served, { excludeRegions: ['ee'] });
    await client.run();
    const regions = [...client.keys].map(([key, value]) => [key, value.regions]);
    expect(new Map(regions as [string, string[]][])).toEqual(
      new Map([
        [keyNumber(0), ['AA', 'CC']],
        [keyNumber(1), ['BB']],
      ]),
    );
  });

  it('gets nothing of what it asks for beyond the grant', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [{ regions: ['CC'] }, { regions: ['CC', 'AA'] }]);
    using client = clientOf(served, { includeRegions: ['CC'] });
    await client.run();
    expect(client.received).toBe(0);
  });

  it.each([[null], [{ regions: [] }]])(
    'gets nothing with the grant %j, and all when it is granted later',
    async (grant) => {
      await using served = await openServing();
      await served.grant(grant);
      await addRows(served.authority.database, many(3));
      using client = clientOf(served);
      await client.run();
      expect([client.received, client.calls]).toEqual([0, 1]);
      const { nextFetchState: state } = await client.fetch({});
      await served.grant({});
      expect((await client.fetch({ state })).keys).toHaveLength(3);
    },
  );

  it('that asks for a region and excludes it is refused', async () => {
    await using served = await openServing();
    using client = clientOf(served, { includeRegions: ['AA'], excludeRegions: ['AA'] });
    await expect(client.fetch()).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('that wants local keys, or those of travelers, gets these alone', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [
      ...[{}, { traveler: true }, { provenance: ['https://id.cc.example#federation'], partnerId: 9, traveler: true }],
    ]);
    using client = clientOf(served);
    expect((await client.fetch({ onlyLocalProvenance: true })).keys).toHaveLength(2);
    expect((await client.fetch({ onlyTravelers: true })).keys).toHaveLength(2);
    expect((await client.fetch({ onlyTravelers: true, onlyLocalProvenance: true })).keys).toHaveLength(1);
  });
});

describe('Federation decision 5: what a key says to a deployed partner', () => {
  it('is all that was published; self reports are said to be such', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [
      ...[0, 1, 2, 3, 5].map((reportType): ExposureRow => ({ reportType, risk: 8, onset: -14, traveler: true })),
      { window: -1, revisedWindow: 0, revisedReportType: 1 },
      { window: -1, withdrawnWindow: 0 },
    ]);
    using client = clientOf(served);
    await client.run();
    const type = (n: number) => client.keys.get(keyNumber(n))!.reportType;
    expect([0, 1, 2, 3, 4].map(type)).toEqual([
      ...['UNKNOWN', 'CONFIRMED_TEST', 'CONFIRMED_CLINICAL_DIAGNOSIS', 'SELF_REPORT', 'REVOKED'],
    ]);
    expect(client.keys.get(keyNumber(1))).toMatchObject({
      ...{ transmissionRisk: 8, intervalNumber: 2_650_000, intervalCount: 144, traveler: true, regions: ['AA'] },
      ...{ daysSinceOnsetOfSymptoms: -14, hasSymptomOnset: true },
    });
    expect(client.revisedKeys.get(keyNumber(5))).toMatchObject({ reportType: 'CONFIRMED_TEST', transmissionRisk: 6 });
    expect(client.revisedKeys.get(keyNumber(6))).toMatchObject({ reportType: 'REVOKED', hasSymptomOnset: false });
  });
});

describe('Federation decision 9: a deployed client that dies of onset', () => {
  it('gets neither onset nor self reports', async () => {
    await using served = await openServing();
    await served.grant({ omitOnset: true });
    await addRows(served.authority.database, [{ onset: 3 }, { reportType: 3 }]);
    using client = clientOf(served);
    await client.run();
    expect([...client.keys.values()]).toMatchObject([{ hasSymptomOnset: false, daysSinceOnsetOfSymptoms: 0 }]);
  });
});

describe('an answer', () => {
  it('has at most as many keys as both sides want', async () => {
    await using served = await openServing({ fetchMaxKeys: 4 });
    await addRows(served.authority.database, many(6));
    using client = clientOf(served);
    for (const [maxExposureKeys, keys] of [
      ...[
        [0, 4],
        [3, 3],
        [4, 4],
        [5, 4],
        [4_294_967_295, 4],
      ],
    ] as const) {
      expect((await client.fetch({ maxExposureKeys })).keys).toHaveLength(keys);
    }
  });

  it('is for partners alone, and not for one that is paused', async () => {
    await using served = await openServing();
    using client = clientOf(served);
    const refusal = { code: status.UNAUTHENTICATED, details: 'Invalid authorization header' };
    await expect(client.fetch({}, 'Basic x')).rejects.toMatchObject(refusal);
    await client.fetch();
    await served.pause();
    await expect(client.fetch()).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  });

  it('is noted with the partner, once a minute', async () => {
    await using served = await openServing();
    using client = clientOf(served);
    const { database, clock } = served.authority;
    const readAt = async () => {
      const { rows } = await database.query<{ read_at: Date | null }>('select read_at from partners');
      return rows[0]!.read_at;
    };
    expect(await readAt()).toBeNull();
    const first = clock.now();
    await client.fetch();
    clock.advance(59_999);
    await client.fetch();
    expect(await readAt()).toEqual(first);
    clock.advance(1);
    await client.fetch();
    expect(await readAt()).toEqual(clock.now());
  });
});
