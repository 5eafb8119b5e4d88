/** Subscribe over real gRPC: cursors, following, grants that change, and how a stream ends. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, expect, it } from 'vitest';
import type { SubscribeResponse } from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { readWindowState } from '../../../src/storage/windows.ts';
import { rejection } from '../../platform/grpc/installation.ts';
import { addRows, keyNumber, type ExposureRow } from './exposure-rows.ts';
import { openServing, tokenLifeSeconds, type Serving } from './serving.ts';

function many(count: number, row: ExposureRow = {}): ExposureRow[] {
  return Array.from({ length: count }, () => row);
}

/** The keys of the responses as hexadecimal digits, in their order. */
function keysOf(responses: readonly SubscribeResponse[]): string[] {
  return responses.flatMap(({ batch }) => batch?.keys.map(({ key }) => key.toString('hex')) ?? []);
}

function numbers(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => keyNumber(first + index)).sort();
}

async function closedThrough({ authority }: Serving): Promise<Date> {
  return (await readWindowState(authority.database)).closedThrough;
}

/** A stream that follows, response by response. */
async function follow(served: Serving, request: object = {}) {
  const ending = new AbortController();
  const call = served.client.subscribe(
    { follow: true, ...request },
    { metadata: await served.metadata(), signal: ending.signal },
  );
  const stream = call[Symbol.asyncIterator]();
  return {
    next: async (): Promise<SubscribeResponse> => {
      const { value, done } = await stream.next();
      if (done === true) throw new Error('the stream has ended');
      return value;
    },
    end: () => {
      ending.abort();
    },
  };
}

describe('a stream that does not follow', () => {
  it('sends batches of at most 1,000 keys, tells how many come, and ends at the last closed window', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [...many(2_500), ...many(5, { window: 1 })]);
    const responses = await served.subscribe({});
    expect(responses.map(({ batch, pendingKeys }) => [batch!.keys.length, pendingKeys])).toEqual([
      ...[
        [1_000, 1_500n],
        [1_000, 500n],
        [500, 0n],
      ],
    ]);
    expect(keysOf(responses).sort()).toEqual(numbers(0, 2_500));
    const through = await closedThrough(served);
    expect(responses.map(({ caughtUpThrough }) => caughtUpThrough)).toEqual([undefined, undefined, through]);
  });

  it('sends as few at a time as the partner wants, and tells how many come beyond what it has read', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, many(10_003));
    const responses = await served.subscribe({ maxBatchKeys: 400 });
    expect(responses).toHaveLength(26);
    expect(responses[0]!.pendingKeys).toBe(9_603n);
    const left = responses.map((_, index) => BigInt(Math.max(10_003 - 400 * (index + 1), 0)));
    expect(responses.map(({ pendingKeys }) => pendingKeys)).toEqual(left);
    expect(new Set(keysOf(responses)).size).toBe(10_003);
  });

  it('says once that there is nothing, with a cursor to go on with', async () => {
    await using served = await openServing();
    const [empty, ...others] = await served.subscribe({});
    expect(others).toEqual([]);
    expect(empty).toMatchObject({ batch: undefined, caughtUpThrough: await closedThrough(served), pendingKeys: 0n });
    await addRows(served.authority.database, many(3, { window: 1 }));
    served.endWindow();
    expect(keysOf(await served.subscribe({ cursor: empty!.cursor }))).toHaveLength(3);
  });

  it('names what keys have in common once', async () => {
    await using served = await openServing();
    const way = ['https://id.cc.example#federation'];
    await addRows(served.authority.database, [...many(5), ...many(5, { regions: ['BB', 'AA'], provenance: way })]);
    const [response] = await served.subscribe({});
    expect(response!.batch!.origins).toHaveLength(2);
    expect(response!.batch!.origins).toEqual(
      expect.arrayContaining([
        { regions: ['AA'], path: [] },
        { regions: ['AA', 'BB'], path: way },
      ]),
    );
  });

  it('keeps batches of many different origins small enough for a message', async () => {
    await using served = await openServing();
    const way = (index: number) =>
      Array.from({ length: 20 }, (_, hop) => `${'x'.repeat(900)}${String(index)}#${String(hop)}`);
    await addRows(
      served.authority.database,
      Array.from({ length: 300 }, (_, index) => ({ provenance: way(index) })),
    );
    const responses = await served.subscribe({});
    expect(keysOf(responses).sort()).toEqual(numbers(0, 300));
    expect(responses.length).toBeGreaterThan(5);
  });
});

describe('Federation decision 6: a cursor', () => {
  it('goes on after any response, without loss or repetition', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [...many(7), ...many(5, { window: -1, revisedWindow: 0 })]);
    const all = await served.subscribe({ maxBatchKeys: 2 });
    expect(keysOf(all)).toHaveLength(17);
    for (const [index, { cursor }] of all.entries()) {
      expect(cursor.length).toBeLessThanOrEqual(128);
      expect(keysOf(await served.subscribe({ cursor }))).toEqual(keysOf(all.slice(index + 1)));
    }
  });

  it('that is none of ours is refused', async () => {
    await using served = await openServing();
    const error = await rejection(served.subscribe({ cursor: Buffer.from('anything') }));
    expect(error).toMatchObject({ kind: 'invalid', code: 'invalid_cursor' });
  });

  it('of another scope starts over, so that what is newly granted arrives', async () => {
    await using served = await openServing();
    await served.grant({ regions: ['AA'] });
    await addRows(served.authority.database, [{ regions: ['AA'] }, { regions: ['BB'] }]);
    const [first] = await served.subscribe({});
    expect(keysOf([first!])).toEqual([keyNumber(0)]);
    await served.grant({ regions: ['AA', 'BB'] });
    expect(keysOf(await served.subscribe({ cursor: first!.cursor })).sort()).toEqual(numbers(0, 2));
  });

  it('costs one call when nothing has happened', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, many(3));
    const [first] = await served.subscribe({});
    const again = await served.subscribe({ cursor: first!.cursor });
    expect(again).toEqual([{ ...first!, batch: undefined }]);
  });
});

describe('Federation decision 1: a subscription', () => {
  it.each([[null], [{ regions: [] }], [{ regions: ['CC'], excludeRegions: ['CC'] }]])(
    'has nothing under the grant %j, and no error',
    async (grant) => {
      await using served = await openServing();
      await served.grant(grant);
      await addRows(served.authority.database, many(3, { regions: ['AA', 'CC'] }));
      expect(keysOf(await served.subscribe({ regions: ['AA'] }))).toEqual([]);
      expect(keysOf(await served.subscribe({}))).toEqual([]);
    },
  );

  it('that asks for less gets less', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [
      ...[{}, { regions: ['BB'] }, { traveler: true }, { regions: ['AA', 'BB'], provenance: ['x#y'] }],
    ]);
    expect(keysOf(await served.subscribe({ regions: ['bb'] })).sort()).toEqual([keyNumber(1), keyNumber(3)].sort());
    expect(keysOf(await served.subscribe({ excludeRegions: ['BB'] })).sort()).toEqual(
      [keyNumber(0), keyNumber(2)].sort(),
    );
    expect(keysOf(await served.subscribe({ onlyTravelers: true }))).toEqual([keyNumber(2)]);
    expect(keysOf(await served.subscribe({ regions: ['BB'], onlyLocal: true }))).toEqual([keyNumber(1)]);
  });
});

describe('a stream that follows', () => {
  it('sends each window as it closes, and nothing of those before again', async () => {
    await using served = await openServing();
    await addRows(served.authority.database, [...many(3), ...many(2, { window: 1 }), ...many(1, { window: 2 })]);
    const stream = await follow(served);
    expect(keysOf([await stream.next()]).sort()).toEqual(numbers(0, 3));
    for (const [first, count] of [
      [3, 2],
      [5, 1],
    ] as const) {
      served.endWindow();
      const response = await stream.next();
      expect(keysOf([response]).sort()).toEqual(numbers(first, count));
      expect(response.caughtUpThrough).toEqual(await closedThrough(served));
    }
    served.endWindow();
    expect(await stream.next()).toMatchObject({ batch: undefined, caughtUpThrough: await closedThrough(served) });
    stream.end();
  });

  it('goes through everything again under a grant that was widened, and through less under a narrower one', async () => {
    await using served = await openServing();
    await served.grant({ regions: ['AA'] });
    await addRows(served.authority.database, [{ regions: ['AA'] }, { regions: ['BB'] }]);
    const stream = await follow(served);
    expect(keysOf([await stream.next()])).toEqual([keyNumber(0)]);
    await served.grant({ regions: ['AA', 'BB'] });
    expect(keysOf([await stream.next()]).sort()).toEqual(numbers(0, 2));
    await served.grant({ regions: ['BB'] });
    expect(keysOf([await stream.next()])).toEqual([keyNumber(1)]);
    await served.grant(null);
    expect(await stream.next()).toMatchObject({ batch: undefined });
    stream.end();
  });

  it('is ended when the partner is paused', async () => {
    await using served = await openServing();
    const stream = await follow(served);
    await stream.next();
    await served.pause();
    expect(await rejection(stream.next())).toMatchObject({ kind: 'forbidden', code: 'partner_paused' });
  });

  it('is ended when the token expires, with the leeway that clocks get', async () => {
    await using served = await openServing();
    const { clock } = served.authority;
    const expiry = (Math.floor(clock.now().getTime() / 1000) + tokenLifeSeconds + 60) * 1000;
    const stream = await follow(served);
    await stream.next();
    clock.set(new Date(expiry - 1));
    expect(await stream.next()).toMatchObject({ batch: undefined });
    clock.set(new Date(expiry));
    expect(await rejection(stream.next())).toMatchObject({ kind: 'unauthenticated', code: 'token_expired' });
  });

  it('is ended when the partner is no longer configured', async () => {
    await using served = await openServing();
    const stream = await follow(served);
    await stream.next();
    await served.authority.database.query('delete from partners');
    expect(await rejection(stream.next())).toMatchObject({ kind: 'unauthenticated', code: 'identity_unknown' });
  });

  it('is ended when the role stops', async () => {
    await using served = await openServing();
    const stream = await follow(served);
    await stream.next();
    served.stopStreams();
    await expect(stream.next()).rejects.toThrow();
  });

  it('holds no connection to the database while it waits', async () => {
    await using served = await openServing({ followMs: 60_000 });
    await addRows(served.authority.database, many(3));
    const stream = await follow(served);
    await stream.next();
    const { rows } = await served.authority.database.query<{ open: number }>(
      `select count(*)::integer as open from pg_stat_activity
        where datname = current_database() and state like 'idle in transaction%'`,
    );
    expect(rows).toEqual([{ open: 0 }]);
    stream.end();
  });
});

describe('a partner', () => {
  it('has so many streams at a time as it may, and a place again when one ends', async () => {
    await using served = await openServing({ maxStreams: 2 });
    const streams = [await follow(served), await follow(served)];
    for (const stream of streams) await stream.next();
    expect(await rejection(served.subscribe({}))).toMatchObject({ kind: 'exhausted', code: 'too_many_streams' });
    streams[0]!.end();
    await expect.poll(async () => await served.subscribe({}).catch(() => [])).toHaveLength(1);
    streams[1]!.end();
  });

  it('that takes nothing is cut off, and has its place again', async () => {
    await using served = await openServing({ maxStreams: 1, slowReaderMs: 300 });
    await addRows(served.authority.database, many(4_000));
    const session = connect(`http://${served.target}`);
    const metadata = await served.metadata();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/enmesh.federation.v1.FederationService/Subscribe',
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: metadata.get('authorization'),
      'enmesh-nonce': metadata.get('enmesh-nonce'),
    });
    stream.end(Buffer.alloc(5));
    await expect(once(stream, 'close')).rejects.toThrow('NGHTTP2_ENHANCE_YOUR_CALM');
    session.destroy();
    await expect.poll(async () => await served.subscribe({}).catch(() => [])).toHaveLength(4);
  });

  it('is noted as a reader', async () => {
    await using served = await openServing();
    await served.subscribe({});
    const { rows } = await served.authority.database.query('select read_at from partners');
    expect(rows).toEqual([{ read_at: served.authority.clock.now() }]);
  });

  it('that sends no token, or no nonce, gets nothing', async () => {
    await using served = await openServing();
    const metadata = await served.metadata();
    metadata.delete('enmesh-nonce');
    const subscribing = Array.fromAsync(served.client.subscribe({}, { metadata }));
    expect(await rejection(subscribing)).toMatchObject({ kind: 'invalid', code: 'nonce_missing' });
    expect(await rejection(Array.fromAsync(served.client.subscribe({})))).toMatchObject({ kind: 'unauthenticated' });
  });
});
