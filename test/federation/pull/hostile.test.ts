/** A partner that is hostile, broken or slow: the pull ends with a clear fault, and what was stored stays. */
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { runExchange } from '../../../src/federation/exchange/run.ts';
import {
  FederationServiceDefinition,
  type SubscribeResponse,
} from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { grpcService, startGrpcServer, type RunningGrpcServer } from '../../../src/platform/grpc/server.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { findPartner } from '../../../src/storage/partners/partners.ts';
import { plain } from '../../platform/grpc/installation.ts';
import { sentKey } from '../intake/intake.ts';
import { toKeyBatch } from '../../../src/federation/wire.ts';
import type { SharedKey } from '../../../src/domain/federation/shared-key.ts';
import { openInstallation, pullAll, storedKeys, type Installation } from '../exchange/installation.ts';

type Answers = (signal: AbortSignal) => AsyncIterable<Partial<SubscribeResponse>>;

let server: RunningGrpcServer;
let answer: Answers;

beforeAll(async () => {
  server = await startGrpcServer({
    settings: plain,
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
    services: [
      grpcService(FederationServiceDefinition, {
        handshake: () => Promise.reject(new Error('not in this test')),
        push: () => {
          throw new Error('not in this test');
        },
        subscribe: (_request, { signal }) => answer(signal),
      }),
    ],
    isReady: () => Promise.resolve(true),
    stopTimeoutMs: 100,
  });
});

afterAll(async () => {
  await server.stop();
});

async function openPuller(settings = {}): Promise<Installation> {
  const bb = await openInstallation('bb', { settings });
  await bb.addPartner({
    name: 'xx',
    address: `127.0.0.1:${String(server.address.port)}`,
    identity: { issuer: 'http://127.0.0.1:1', subject: 'xx', audience: 'https://partners.example' },
    requireServerIdentity: false,
    pull: pullAll,
  });
  return bb;
}

const caughtUpThrough = new Date('2026-03-15T13:00:00Z');
const cursor = (number: number): Buffer => Buffer.from([number >> 8, number & 255]);

function batchOf(from: number, count: number): SubscribeResponse['batch'] {
  return toKeyBatch(Array.from({ length: count }, (_, index) => sentKey(from + index) as SharedKey));
}

const good = { batch: batchOf(0, 2), cursor: cursor(1) };

function sequence(...responses: readonly Partial<SubscribeResponse>[]): Answers {
  return async function* () {
    await Promise.resolve();
    yield* responses;
  };
}

describe('an answer that breaks the protocol', () => {
  const badOrigin = batchOf(2, 1)!;
  badOrigin.keys[0]!.origin = 7;
  const longName = batchOf(2, 1)!;
  longName.origins[0]!.path = ['x'.repeat(2_000)];

  it.each<[string, Partial<SubscribeResponse>]>([
    ['more keys than a batch has', { batch: batchOf(2, 1_001), cursor: cursor(2) }],
    ['a key whose origin is not there', { batch: badOrigin, cursor: cursor(2) }],
    ['a path of nonsense', { batch: longName, cursor: cursor(2) }],
    ['no cursor', { batch: batchOf(2, 1) }],
    ['a cursor that is too long', { batch: batchOf(2, 1), cursor: Buffer.alloc(129, 1) }],
    ['keys without moving the cursor', { batch: batchOf(2, 1), cursor: cursor(1) }],
    ['nothing, without moving the cursor', { cursor: cursor(1) }],
    ['the end of the stream before all was sent', { batch: batchOf(2, 1), cursor: cursor(2) }],
  ])('is refused, with what came before it stored: %s', async (_what, bad) => {
    answer = sequence(good, bad);
    await using bb = await openPuller();
    expect((await bb.run('xx', 'pull')).at(-1)).toMatchObject({ outcome: 'failed' });
    const state = (await bb.state('xx', 'pull'))!;
    expect(state).toMatchObject({ errorCode: 'bad_partner_answer', failures: 1, isRunning: false });
    expect(await storedKeys(bb)).toHaveLength(state.keys);
    expect(state.keys).toBeGreaterThanOrEqual(2);
    expect(state.keys).toBeLessThanOrEqual(3);
  });

  it('may have 1,000 keys, and a cursor of 128 bytes', async () => {
    answer = sequence({ batch: batchOf(0, 1_000), cursor: Buffer.alloc(128, 1), caughtUpThrough });
    await using bb = await openPuller();
    expect((await bb.run('xx', 'pull')).at(-1)).toMatchObject({ outcome: 'done', keys: 1_000 });
  });

  it('is refused when it is larger than a message may be', async () => {
    const huge = batchOf(2, 1)!;
    huge.origins[0]!.path = ['x'.repeat(3 * 1024 * 1024)];
    huge.origins.push({ regions: [], path: ['x'.repeat(1024 * 1024)] });
    answer = sequence(good, { batch: huge, cursor: cursor(2) });
    await using bb = await openPuller();
    await bb.run('xx', 'pull');
    expect(await bb.state('xx', 'pull')).toMatchObject({ failures: 1, keys: 2 });
    expect(await storedKeys(bb)).toHaveLength(2);
  });
});

describe('words of a partner', () => {
  it('are told without what could mean something to a terminal or a page, and cut', async () => {
    answer = async function* () {
      await Promise.resolve();
      yield* [];
      const { AppError } = await import('../../../src/domain/errors.ts');
      throw new AppError('forbidden', 'A code!', `\u001b[31m${'é'.repeat(500)}`);
    };
    await using bb = await openPuller();
    await bb.run('xx', 'pull');
    const { errorCode, lastError } = (await bb.state('xx', 'pull'))!;
    expect(errorCode).toMatch(/^[a-z0-9_]+$/);
    expect(lastError).toMatch(/^[\x20-\x7e]{1,300}$/);
  });
});

describe('a partner that takes our time', () => {
  it('and says nothing is given up', async () => {
    answer = async function* (signal) {
      yield good;
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
    };
    await using bb = await openPuller({ idleSeconds: 0.2 });
    await bb.run('xx', 'pull');
    expect(await bb.state('xx', 'pull')).toMatchObject({ errorCode: 'partner_silent', keys: 2, failures: 1 });
  });

  it('and never ends, without a new key, ends with the run, and waits longer each time', async () => {
    let number = 0;
    answer = async function* () {
      await Promise.resolve();
      for (; ; number++) yield { batch: batchOf(0, 1), cursor: cursor(number) };
    };
    await using bb = await openPuller({ runSeconds: 0 });
    await bb.run('xx', 'pull');
    expect(await bb.state('xx', 'pull')).toMatchObject({ errorCode: null, keys: 1 });
    await bb.run('xx', 'pull');
    expect(await bb.state('xx', 'pull')).toMatchObject({ errorCode: 'partner_endless', failures: 1 });
  });

  it('and sends more than is stored is held back', async () => {
    let sent = 0;
    answer = async function* (signal) {
      await Promise.resolve();
      for (; !signal.aborted; sent++) yield { batch: batchOf(1_000 * sent, 1_000), cursor: cursor(sent) };
    };
    await using bb = await openPuller({ runSeconds: 0.5 });
    const stored = (await bb.run('xx', 'pull')).at(-1)!.keys / 1_000;
    // What grpc-js keeps of messages, and what is in the sockets.
    expect(sent - stored).toBeLessThan(100);
    expect(stored).toBeGreaterThan(0);
  });
});

describe('the words of a partner', () => {
  it('are told to operators, and never get into the log', async () => {
    const words = 'c2VjcmV0IGtleSBieXRlcw== of 203.0.113.9';
    answer = async function* () {
      yield* [];
      await Promise.reject(new AppError('invalid', 'invalid_cursor', words));
    };
    await using bb = await openPuller();
    const lines: string[] = [];
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString());
        done();
      },
    });
    const deps = { ...bb.deps, logger: createLogger({ level: 'debug', pretty: false, destination }) };
    const partner = (await findPartner(bb.database, 'xx'))!;
    const { signal } = new AbortController();
    const run = runExchange(deps, { partnerId: partner.id, direction: 'pull', isAsked: true, signal });
    expect((await Array.fromAsync(run)).at(-1)).toMatchObject({ outcome: 'failed' });
    expect(await bb.state('xx', 'pull')).toMatchObject({ errorCode: 'invalid_cursor', lastError: words });
    const log = lines.join('');
    expect(log).toContain('"code":"invalid_cursor"');
    expect(log).not.toContain('c2VjcmV0');
    expect(log).not.toContain('203.0.113.9');
  });
});

describe('a partner that has failed five times in a row', () => {
  it('is given little time to answer, unless somebody asks', async () => {
    answer = async function* (signal) {
      yield* [];
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
    };
    await using bb = await openPuller({ probeSeconds: 0.1, idleSeconds: 2 });
    const seconds = async (isAsked: boolean): Promise<number> => {
      const startedAt = performance.now();
      await bb.run('xx', 'pull', { isAsked });
      return (performance.now() - startedAt) / 1000;
    };
    await bb.run('xx', 'pull');
    await bb.database.query('update partner_exchanges set failures = 5, not_before = null');
    expect(await seconds(false)).toBeLessThan(1.8);
    expect(await bb.state('xx', 'pull')).toMatchObject({ failures: 6, errorCode: 'partner_silent' });
    expect(await seconds(true)).toBeGreaterThanOrEqual(2);
  });
});
