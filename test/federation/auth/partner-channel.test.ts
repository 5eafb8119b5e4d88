/** Calls between two authorities over real gRPC: who proves what to whom, and what is lost when somebody lies. */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type CallContext, Metadata } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import type { Auth } from '../../../src/federation/auth/open.ts';
import type { ChannelSettings } from '../../../src/federation/auth/settings.ts';
import { openPartnerClient } from '../../../src/federation/auth/partner-channel.ts';
import { admitPartner } from '../../../src/federation/auth/service.ts';
import { AppError } from '../../../src/domain/errors.ts';
import {
  FederationServiceDefinition,
  type FederationServiceImplementation,
} from '../../../src/gen/enmesh/federation/v1/federation.ts';
import type { ServerTls } from '../../../src/platform/config/tls-files.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { peerNamesKey } from '../../../src/platform/grpc/server-tls.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import type { KnownPartner } from '../../../src/storage/partners/partners.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { TestCa } from '../../platform/grpc/certificates.ts';
import { rejection } from '../../platform/grpc/installation.ts';
import {
  ourAudience,
  partnerOf,
  silent,
  startAuthority,
  testSettings,
  theirAudience,
  type TestAuthority,
} from './authority.ts';

/** What a server sends before its answers. */
type Greet = (context: CallContext) => Promise<void>;

/** A server of the partner's, which counts what it gets. */
async function startServer(greet: Greet, tls?: ServerTls) {
  const got: Uint8Array[] = [];
  const implementation: FederationServiceImplementation = {
    async handshake(_request, context) {
      await greet(context);
      return { version: 'v1' };
    },
    async *subscribe(_request, context) {
      await greet(context);
      yield { cursor: Buffer.of(1) };
      yield { cursor: Buffer.of(2) };
    },
    async *push(requests, context) {
      await greet(context);
      for await (const { id } of requests) {
        got.push(id);
        yield { id };
      }
    },
  };
  const server = await startGrpcServer({
    settings: {
      address: { host: '127.0.0.1', port: 0 },
      callers: new Map(),
      callerTokens: new Map(),
      ...(tls === undefined ? {} : { tls }),
    },
    services: [grpcService(FederationServiceDefinition, implementation)],
    isReady: () => Promise.resolve(true),
    logger: silent,
    metrics: new Metrics(),
    stopTimeoutMs: 1_000,
  });
  return { got, address: `127.0.0.1:${String(server.address.port)}`, [Symbol.asyncDispose]: () => server.stop() };
}

/** A server whose identity a test's issuer proves, with claims that the test may spoil. */
function greetWith(issuer: TestIssuer, { clock }: TestAuthority, spoil: object = {}): Greet {
  return async (context) => {
    const nonce = context.metadata.get('enmesh-nonce');
    const claims = { sub: 'federation', aud: ourAudience, nonce, ...spoil };
    context.header.set('enmesh-identity', await issuer.token(claims as Record<string, unknown>, { now: clock.now() }));
    context.sendHeader();
  };
}

function client(auth: Auth, partner: KnownPartner, address: string) {
  const { client: calls, close } = openPartnerClient(
    FederationServiceDefinition,
    { ...partner, address },
    auth.channels,
  );
  return { calls, [Symbol.dispose]: close };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(items);
}

/** Says whether anything was taken from it. */
function batches() {
  const state = { taken: 0 };
  async function* make() {
    for (const byte of [1, 2]) {
      state.taken++;
      yield await Promise.resolve({ id: Buffer.alloc(16, byte) });
    }
  }
  return { state, make };
}

describe('two authorities that prove themselves to each other', () => {
  it('exchange what they have, unary and in streams of either direction', async () => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority();
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    await using server = await startServer(greetWith(issuer, authority));
    using client_ = client(authority.auth, partner, server.address);
    expect((await client_.calls.handshake({})).version).toBe('v1');
    expect((await all(client_.calls.subscribe({}))).map(({ cursor }) => [...cursor])).toEqual([[1], [2]]);
    expect(await all(client_.calls.push(batches().make()))).toHaveLength(2);
    expect(server.got).toHaveLength(2);
  });

  it('each verify the other with the keys that the other publishes', async () => {
    await using theirs = await startIssuer();
    const seen: { authorization?: string | undefined; nonce?: string | undefined } = {};
    await using authority = await startAuthority();
    const partner = await authority.addPartner(partnerOf(theirs.issuer));
    await using server = await startServer(async (context) => {
      seen.authorization = context.metadata.get('authorization');
      seen.nonce = context.metadata.get('enmesh-nonce');
      await greetWith(theirs, authority)(context);
    });
    using first = client(authority.auth, partner, server.address);
    await first.calls.handshake({});
    const before = { ...seen };
    await first.calls.handshake({});
    expect(seen.authorization).toBe(before.authorization);
    expect(seen.nonce).not.toBe(before.nonce);
    const payload = JSON.parse(Buffer.from(seen.authorization!.split('.')[1]!, 'base64url').toString()) as object;
    expect(payload).toMatchObject({ iss: 'https://id.aa.example', sub: 'federation', aud: theirAudience });
    expect(payload).not.toHaveProperty('nonce');
  });
});

describe('a server that cannot prove itself', () => {
  const spoilt: readonly (readonly [string, object])[] = [
    ['covers another nonce', { nonce: 'BBBBBBBBBBBBBBBBBBBBBB' }],
    ['covers no nonce', { nonce: undefined }],
    ['is for somebody else', { aud: 'https://cc.example' }],
    ['is for nobody', { aud: undefined }],
    ['is of another subject', { sub: 'somebody' }],
    ['has expired', { exp: 1 }],
    ['claims another issuer', { iss: 'https://id.cc.example' }],
  ];

  it.each(spoilt)('because its token %s gets nothing, and nothing of it is taken', async (_what, spoil) => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority();
    // A wrong identity is refused even where none is asked for.
    const partner = await authority.addPartner(partnerOf(issuer.issuer, { requireServerIdentity: false }));
    await using server = await startServer(greetWith(issuer, authority, spoil));
    using client_ = client(authority.auth, partner, server.address);
    const refused = { kind: 'unauthenticated', code: 'server_identity' };
    expect(await rejection(client_.calls.handshake({}))).toMatchObject(refused);
    const taken: unknown[] = [];
    const reading = (async () => {
      for await (const response of client_.calls.subscribe({})) taken.push(response);
    })();
    expect(await rejection(reading)).toMatchObject(refused);
    const { state, make } = batches();
    expect(await rejection(all(client_.calls.push(make())))).toMatchObject(refused);
    expect([taken, state.taken, server.got]).toEqual([[], 0, []]);
  });

  it('because it has no token is refused, unless the partner is let off', async () => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority();
    const strict = await authority.addPartner(partnerOf(issuer.issuer));
    await using server = await startServer((context) => {
      context.header.set('enmesh-protocol', 'v1');
      context.sendHeader();
      return Promise.resolve();
    });
    using wary = client(authority.auth, strict, server.address);
    expect(await rejection(wary.calls.handshake({}))).toMatchObject({ code: 'server_identity' });
    using trusting = client(authority.auth, { ...strict, requireServerIdentity: false }, server.address);
    expect((await trusting.calls.handshake({})).version).toBe('v1');
    expect(await all(trusting.calls.push(batches().make()))).toHaveLength(2);
  });

  it('because it only replays what the partner answered another time is refused', async () => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority();
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    let recorded: string | undefined;
    await using server = await startServer(async (context) => {
      if (recorded === undefined) await greetWith(issuer, authority)(context);
      else context.header.set('enmesh-identity', recorded);
      recorded = context.header.get('enmesh-identity');
    });
    using client_ = client(authority.auth, partner, server.address);
    await client_.calls.handshake({});
    expect(await rejection(client_.calls.handshake({}))).toMatchObject({
      code: 'server_identity',
      message: expect.stringContaining('nonce') as string,
    });
  });

  it('is left at once, although it then keeps silent', async () => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority();
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    const left = Promise.withResolvers<void>();
    await using server = await startServer(async (context) => {
      context.signal.addEventListener('abort', () => {
        left.resolve();
      });
      context.header.set('enmesh-protocol', 'v1');
      context.sendHeader();
      await left.promise;
    });
    using client_ = client(authority.auth, partner, server.address);
    expect(await rejection(all(client_.calls.subscribe({})))).toMatchObject({ code: 'server_identity' });
    await left.promise;
  });

  it('because it ends the call well without a word gets no key', async () => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority();
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    const server = createServer();
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    using client_ = client(authority.auth, partner, `127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    const { state, make } = batches();
    expect(await rejection(all(client_.calls.push(make())))).toMatchObject({ code: 'server_identity' });
    expect(await rejection(all(client_.calls.subscribe({})))).toMatchObject({ code: 'server_identity' });
    expect(state.taken).toBe(0);
    server.close();
  });
});

describe('the way to a partner', () => {
  const ca = new TestCa('partners');
  const served = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });

  /** Calls a server over TLS with these settings. */
  async function call(channels: ChannelSettings, tls: ServerTls = served) {
    await using issuer = await startIssuer();
    await using authority = await startAuthority({ channels });
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    let names: string | undefined;
    await using server = await startServer(async (context) => {
      names = context.metadata.get(peerNamesKey);
      await greetWith(issuer, authority)(context);
    }, tls);
    using client_ = client(authority.auth, partner, server.address);
    await client_.calls.handshake({});
    return names;
  }

  it('is TLS under the roots that are given for partners, on loopback too', async () => {
    expect(await call({ tls: { ca: ca.cert }, allowLoopback: true })).toBeUndefined();
  });

  it('shows our certificate where there is one (mutual TLS)', async () => {
    const { cert, key } = ca.issue({ dns: ['federation.aa.example'] });
    const channels = { tls: { ca: ca.cert, cert, key }, allowLoopback: false };
    expect(await call(channels, { ...served, clientCa: ca.cert })).toBe('federation.aa.example');
  });

  it.each([
    [
      'roots that did not sign the certificate',
      () => ({ tls: { ca: new TestCa('others').cert }, allowLoopback: true }),
    ],
    ["the system's roots alone", () => ({ tls: {}, allowLoopback: false })],
  ] as const)('ends at a server that shows a foreign certificate: %s', async (_what, channels) => {
    expect(await rejection(call(channels()))).toMatchObject({
      kind: expect.stringMatching(/unavailable|timeout/) as string,
    });
  });

  it('ends at a server under another name', async () => {
    const other = ca.issue({ dns: ['federation.cc.example'] });
    expect(await rejection(call({ tls: { ca: ca.cert }, allowLoopback: true }, other))).toBeInstanceOf(AppError);
  });

  it('is never plain text but to loopback in test installations', async () => {
    await using issuer = await startIssuer();
    await using authority = await startAuthority({ channels: { tls: {}, allowLoopback: false } });
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    let calls = 0;
    await using server = await startServer(() => {
      calls++;
      return Promise.resolve();
    });
    using client_ = client(authority.auth, partner, server.address);
    expect(await rejection(client_.calls.handshake({}, { timeoutMs: 1_000 }))).toBeInstanceOf(AppError);
    expect(calls).toBe(0);
  });
});

describe('the door', () => {
  /** Two whole authorities: AA calls, BB is called; each trusts the other's published keys. */
  async function pair(options: { readonly needsNonce: boolean } = { needsNonce: true }) {
    const issuer = await startIssuer();
    const authority = await startAuthority({ ...testSettings('https://id.aa.example') });
    const partner = await authority.addPartner(partnerOf(issuer.issuer));
    const server = await startServer(async (context) => {
      const { partner: caller } = await admitPartner(authority.auth.authenticator, context, {
        ...options,
        takeTurn: () => Promise.resolve(),
      });
      expect(caller.name).toBe('bb');
    });
    return {
      issuer,
      authority,
      partner,
      call: async (metadata: Record<string, string>) => {
        const grpc = createGrpcClient(FederationServiceDefinition, server.address, {});
        let header = Metadata();
        try {
          const onHeader = (sent: Metadata) => {
            header = sent;
          };
          await grpc.client.handshake({}, { metadata: Metadata(metadata), onHeader });
          return header.get('enmesh-identity');
        } finally {
          grpc.close();
        }
      },
      token: () => issuer.token({ sub: 'federation', aud: ourAudience }, { now: authority.clock.now() }),
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]();
        await authority[Symbol.asyncDispose]();
        await issuer.close();
      },
    };
  }

  const nonce = 'AAAAAAAAAAAAAAAAAAAAAA';

  it('answers a caller with a token of ours that is for it and covers its nonce', async () => {
    await using test = await pair();
    const identity = await test.call({ authorization: `Bearer ${await test.token()}`, 'enmesh-nonce': nonce });
    const [header, payload] = identity!.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(header!)).toEqual({
      alg: 'ES256',
      typ: 'JWT',
      kid: expect.stringMatching(/^v1-[\w-]{10}$/) as string,
    });
    expect(JSON.parse(payload!)).toMatchObject({
      iss: 'https://id.aa.example',
      sub: 'federation',
      aud: theirAudience,
      nonce,
    });
  });

  it.each([
    ['without a nonce', {}, 'nonce_missing'],
    ['with a short nonce', { 'enmesh-nonce': nonce.slice(1) }, 'nonce_invalid'],
    ['with a long nonce', { 'enmesh-nonce': 'A'.repeat(87) }, 'nonce_invalid'],
    ['with a nonce in another form', { 'enmesh-nonce': `${nonce}==` }, 'nonce_invalid'],
  ] as const)('is closed %s', async (_what, metadata, code) => {
    await using test = await pair();
    const refused = test.call({ authorization: `Bearer ${await test.token()}`, ...metadata });
    expect(await rejection(refused)).toMatchObject({ kind: 'invalid', code });
  });

  it('asks deployed clients for no nonce, and proves nothing to them', async () => {
    await using test = await pair({ needsNonce: false });
    expect(await test.call({ authorization: `Bearer ${await test.token()}` })).toBeUndefined();
  });

  it('is closed to a token that was shown to another server', async () => {
    await using test = await pair();
    // BB's tokens for CC, which CC keeps and tries here.
    const stolen = await test.issuer.token(
      { sub: 'federation', aud: 'https://cc.example' },
      { now: test.authority.clock.now() },
    );
    const replayed = test.call({ authorization: `Bearer ${stolen}`, 'enmesh-nonce': nonce });
    expect(await rejection(replayed)).toMatchObject({ code: 'token_audience', message: 'Invalid audience' });
  });

  it('is closed to what we ourselves sent to a caller', async () => {
    await using test = await pair();
    const identity = await test.call({ authorization: `Bearer ${await test.token()}`, 'enmesh-nonce': nonce });
    const reflected = test.call({ authorization: `Bearer ${identity!}`, 'enmesh-nonce': nonce });
    expect(await rejection(reflected)).toBeInstanceOf(AppError);
    expect(await rejection(reflected)).toMatchObject({ kind: 'unauthenticated' });
  });
});
