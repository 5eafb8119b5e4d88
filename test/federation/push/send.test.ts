/** Pushing to a partner: what is new arrives, in its order, once. */
import { describe, expect, it } from 'vitest';
import { runExchange } from '../../../src/federation/exchange/run.ts';
import {
  FederationServiceDefinition,
  Verdict,
  type PushResponse,
} from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { plain } from '../../platform/grpc/installation.ts';
import {
  addKeys,
  nextWindow,
  openInstallation,
  openPair,
  storedKeys,
  type Installation,
} from '../exchange/installation.ts';

async function pushSteps(bb: Installation, signal = new AbortController().signal) {
  const { rows } = await bb.database.query<{ id: number }>('select id from partners');
  return runExchange(bb.deps, { partnerId: rows[0]!.id, direction: 'push', isAsked: true, signal });
}

async function expectAll(bb: Installation, aa: Installation): Promise<void> {
  const keys = await storedKeys(bb);
  expect(await storedKeys(aa)).toEqual(keys);
  expect(await bb.state('aa', 'push')).toMatchObject({ refusedKeys: 0, failures: 0, errorCode: null, pendingKeys: 0 });
}

describe('a push', () => {
  it('brings what is in closed windows, and nothing of the open one', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(bb, 2_345);
    await addKeys(bb, 5, { from: 2_345, at: new Date('2026-03-15T13:00:00Z') });
    const progress = await bb.run('aa', 'push');
    expect(progress.map(({ keys, outcome }) => [keys, outcome])).toEqual([
      [1_000, null],
      [2_000, null],
      [2_345, null],
      [2_345, 'done'],
    ]);
    expect(await storedKeys(aa)).toHaveLength(2_345);
    await nextWindow(bb);
    await bb.run('aa', 'push');
    await expectAll(bb, aa);
    expect(await bb.state('aa', 'push')).toMatchObject({
      keys: 2_350,
      caughtUpThrough: new Date('2026-03-15T14:00:00Z'),
    });
  });

  it('costs no call when there is nothing new', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await nextWindow(bb);
    expect(await bb.run('aa', 'push')).toMatchObject([{ keys: 0, outcome: 'done' }]);
    expect(aa.calls).toEqual([]);
    expect(await bb.state('aa', 'push')).toMatchObject({ caughtUpThrough: new Date('2026-03-15T14:00:00Z') });
  });

  it('sends nothing that came from the recipient, and begins anew under another rule', async () => {
    await using pair = await openPair({ rules: { push: { regions: ['BB'], onlyLocal: false } } });
    const { aa, bb } = pair;
    await addKeys(aa, 5);
    await bb.run('aa', 'pull');
    await nextWindow(bb);
    await addKeys(bb, 3, { from: 10, regions: ['BB'] });
    await addKeys(bb, 4, { from: 20, regions: ['AA'] });
    await bb.run('aa', 'push');
    expect(await bb.state('aa', 'push')).toMatchObject({ keys: 3 });
    await bb.addPartner(aa.asPartner({ push: { regions: ['AA', 'BB'], onlyLocal: false } }));
    await bb.run('aa', 'push');
    expect(await storedKeys(aa)).toHaveLength(5 + 3 + 4);
  });

  it('counts keys that the partner refuses, and goes on', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(bb, 2, { regions: ['AA'] });
    await addKeys(bb, 3, { from: 2, regions: ['BB'] });
    await aa.database.query(`update partners set accept = '{"regions": ["AA"]}'`);
    await bb.run('aa', 'push');
    expect(await bb.state('aa', 'push')).toMatchObject({ keys: 5, refusedKeys: 3, failures: 0 });
    expect(await storedKeys(aa)).toHaveLength(2);
  });
});

describe('a push that breaks', () => {
  it('goes on from what was acknowledged, and what was stored without is answered from the record', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(bb, 9_000);
    const steps = await pushSteps(bb);
    await steps.next();
    aa.link.cut();
    expect((await Array.fromAsync(steps)).at(-1)).toMatchObject({ outcome: 'failed' });
    const { keys } = (await bb.state('aa', 'push'))!;
    expect(keys).toBeLessThan(9_000);
    await bb.run('aa', 'push', { isAsked: true });
    await expectAll(bb, aa);
    expect(await bb.state('aa', 'push')).toMatchObject({ keys: 9_000 });
    const { rows } = await aa.database.query('select count(*)::integer as batches from pushed_batches');
    expect(rows).toEqual([{ batches: 9 }]);
  });

  it('under a lease that was lost moves nothing any more', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(bb, 9_000);
    const steps = await pushSteps(bb);
    await steps.next();
    await bb.database.query('update partner_exchanges set lease_owner = gen_random_uuid()');
    expect((await Array.fromAsync(steps)).at(-1)).toMatchObject({ outcome: 'interrupted', keys: 1_000 });
    expect(await bb.state('aa', 'push')).toMatchObject({ keys: 1_000, failures: 0 });
    await bb.database.query('update partner_exchanges set lease_owner = null');
    await bb.run('aa', 'push', { isAsked: true });
    await expectAll(bb, aa);
  });

  it('at the quota of the partner waits, and loses nothing', async () => {
    await using aa = await openInstallation('aa', { maxKeysPerDay: 1_500 });
    await using bb = await openInstallation('bb', { clock: aa.clock });
    await aa.addPartner(bb.asPartner({ accept: { regions: ['BB'] } }));
    await bb.addPartner(aa.asPartner({ push: { regions: ['BB'], onlyLocal: true } }));
    await addKeys(bb, 3_000, { regions: ['BB'] });
    await bb.run('aa', 'push');
    expect(await bb.state('aa', 'push')).toMatchObject({ errorCode: 'quota_exceeded', keys: 2_000, failures: 1 });
    aa.clock.advance(86_400_000);
    await bb.run('aa', 'push');
    await expectAll(bb, aa);
  });

  it('on an id that the partner knows with other content goes on under another', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(bb, 1_200);
    await bb.run('aa', 'push');
    await aa.database.query(`update pushed_batches set content_hash = '\\x00'`);
    await bb.database.query('update partner_exchanges set cursor = null');
    expect((await bb.run('aa', 'push', { isAsked: true })).at(-1)).toMatchObject({ outcome: 'done', keys: 1_200 });
    await expectAll(bb, aa);
  });
});

describe('a partner that does not prove who it is', () => {
  it('gets no key', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(bb, 3);
    await bb.database.query(`update partners set identity_subject = 'somebody else'`);
    await bb.run('aa', 'push');
    expect(await bb.state('aa', 'push')).toMatchObject({ errorCode: 'server_identity', keys: 0 });
    expect(await storedKeys(aa)).toEqual([]);
  });
});

describe('a partner that acknowledges', () => {
  type Answer = (ids: AsyncIterable<Buffer>) => AsyncGenerator<Partial<PushResponse>>;

  async function pushTo(answer: Answer, settings = {}) {
    const bb = await openInstallation('bb', { settings });
    const server = await startGrpcServer({
      settings: plain,
      logger: bb.deps.logger,
      metrics: bb.deps.metrics,
      services: [
        grpcService(FederationServiceDefinition, {
          handshake: () => Promise.reject(new Error('not in this test')),
          subscribe: () => {
            throw new Error('not in this test');
          },
          push: (requests, context) => {
            context.header.set('enmesh-protocol', 'v1');
            context.sendHeader();
            return answer(
              (async function* () {
                for await (const { id } of requests) yield id;
              })(),
            );
          },
        }),
      ],
      isReady: () => Promise.resolve(true),
      stopTimeoutMs: 100,
    });
    await bb.addPartner({
      name: 'xx',
      address: `127.0.0.1:${String(server.address.port)}`,
      identity: { issuer: 'http://127.0.0.1:1', subject: 'xx', audience: 'https://partners.example' },
      requireServerIdentity: false,
      push: { regions: ['AA'], onlyLocal: true },
    });
    await addKeys(bb, 10_000);
    await bb.run('xx', 'push');
    const state = (await bb.state('xx', 'push'))!;
    await server.stop();
    await bb[Symbol.asyncDispose]();
    return state;
  }

  const stored = Array.from({ length: 1_000 }, () => Verdict.STORED);

  it.each<[string, Answer]>([
    [
      'what was not sent',
      async function* (ids) {
        for await (const { length } of ids) yield { id: Buffer.alloc(length), verdicts: stored };
      },
    ],
    [
      'out of turn',
      async function* (ids) {
        const waiting: Buffer[] = [];
        for await (const id of ids) {
          if (waiting.push(id) === 2) yield { id, verdicts: stored };
        }
      },
    ],
    [
      'some keys of a batch',
      async function* (ids) {
        for await (const id of ids) yield { id, verdicts: [Verdict.STORED] };
      },
    ],
    [
      'with a verdict that is none',
      async function* (ids) {
        for await (const id of ids) yield { id, verdicts: stored.map(() => 99 as Verdict) };
      },
    ],
    [
      'nothing, and ends the stream',
      async function* () {
        await Promise.resolve();
        yield* [];
      },
    ],
  ])('%s is not believed', async (_what, answer) => {
    expect(await pushTo(answer)).toMatchObject({ errorCode: 'bad_partner_answer', keys: 0, cursor: null });
  });

  it('late is sent four batches, and no more until it does', async () => {
    let taken = 0;
    // On a busy machine our patience may end before all four are here.
    for (let idleSeconds = 0.5; taken < 4; idleSeconds *= 2) {
      taken = 0;
      const { errorCode } = await pushTo(
        async function* (ids) {
          for await (const { length } of ids) taken += length / 32;
          yield* [];
        },
        { idleSeconds },
      );
      expect(errorCode).toBe('partner_silent');
    }
    expect(taken).toBe(4);
  });
});
