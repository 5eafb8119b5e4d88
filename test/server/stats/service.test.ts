import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatsServiceDefinition } from '../../../src/gen/enmesh/publish/v1/stats.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { createStatsService } from '../../../src/server/stats/service.ts';
import type { StatsSettings } from '../../../src/server/stats/settings.ts';
import { insertAuthority, type AuthorityOptions } from '../../support/authority.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { countPublishes, statsToken, type TokenOptions } from '../../support/statistics.ts';
import { now, refusalOf } from '../publish/publisher.ts';

const settings: StatsSettings = {
  audience: 'keyserver',
  uploadMinimum: 10,
  embargoSeconds: 3_600,
  retentionSeconds: 14 * 86_400,
  truncateSeconds: 3_600,
  leewaySeconds: 60,
  authorityCacheSeconds: 10,
};

type Change = Partial<Omit<TokenOptions, 'now'>>;

async function open(options: AuthorityOptions = {}) {
  const test = await createTestDatabase();
  const { database } = test;
  const authority = await insertAuthority(database, options);
  const clock = new ManualClock(now);
  const logger = createLogger({ level: 'silent', pretty: false });
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(StatsServiceDefinition, createStatsService({ database, clock, settings }))],
    isReady: () => Promise.resolve(true),
    logger,
    metrics: new Metrics(),
  });
  const { client, close } = createGrpcClient(StatsServiceDefinition, `127.0.0.1:${String(server.address.port)}`, {});
  const token = (change: Change = {}) => statsToken({ now: clock.now(), privateKey: authority.privateKey, ...change });
  return {
    database,
    clock,
    authority,
    token,
    ask: async (change: Change = {}) => await client.getStats({ token: token(change) }),
    send: async (text: string) => await client.getStats({ token: text }),
    [Symbol.asyncDispose]: async () => {
      close();
      await server.stop();
      await test[Symbol.asyncDispose]();
    },
  };
}

type Installation = Awaited<ReturnType<typeof open>>;

const seconds = Math.floor(now.getTime() / 1000);

describe('statistics over gRPC', () => {
  it('are the days with enough publishes, of the authority that asks', async () => {
    await using stats = await open();
    const { authorityRowId } = stats.authority;
    const other = await insertAuthority(stats.database, { issuer: 'https://other.example', appId: 'other' });
    await countPublishes(stats.database, authorityRowId, '2026-03-13T05:00:00Z', {
      0: 1,
      1: 2,
      2: 3,
      3: 84,
      4: 1,
      5: 2,
    });
    await countPublishes(stats.database, authorityRowId, '2026-03-13T06:00:00Z', {
      1: 4,
      3: 16,
      6: 3,
      21: 1,
      22: 2,
      51: 1,
    });
    await countPublishes(stats.database, authorityRowId, '2026-03-14T06:00:00Z', 9);
    await countPublishes(stats.database, other.authorityRowId, '2026-03-14T06:00:00Z', 100);
    expect((await stats.ask()).days).toEqual([
      {
        day: new Date('2026-03-13'),
        publishRequests: { unknown: 1n, android: 6n, ios: 3n },
        totalTeksPublished: 100n,
        requestsWithRevisions: 1n,
        tekAgeDistribution: [3n, ...new Array<bigint>(14).fill(0n), 1n],
        onsetToUploadDistribution: [2n, ...new Array<bigint>(28).fill(0n), 1n],
        requestsMissingOnsetDate: 2n,
      },
    ]);
  });

  it('show a day an hour after its end, however many publishes it has, and then never change it', async () => {
    await using stats = await open();
    await countPublishes(stats.database, stats.authority.authorityRowId, '2026-03-15T00:00:00Z', 1_000);
    stats.clock.set(new Date('2026-03-16T00:59:59Z'));
    expect((await stats.ask()).days).toEqual([]);
    stats.clock.set(new Date('2026-03-16T01:00:00Z'));
    const { days } = await stats.ask();
    expect(days).toHaveLength(1);
    stats.clock.set(new Date('2026-03-29T23:59:59Z'));
    expect((await stats.ask()).days).toEqual(days);
    stats.clock.set(new Date('2026-03-30T00:00:00Z'));
    expect((await stats.ask()).days).toEqual([]);
  });
});

describe('who asks for statistics', () => {
  let stats: Installation;

  beforeAll(async () => {
    stats = await open();
  });
  afterAll(async () => {
    await stats[Symbol.asyncDispose]();
  });

  it.each<[string, Change]>([
    ['with any times left out', { claims: { exp: undefined, iat: undefined } }],
    ['with times of 0', { claims: { exp: 0, iat: 0, nbf: 0 } }],
    ['with a token that expired a minute ago', { claims: { exp: seconds - 60 } }],
    ['with a token of the next minute', { claims: { iat: seconds + 60, nbf: seconds + 60 } }],
    ['with further claims', { claims: { sub: 'x', jti: 'y', roles: ['z'] } }],
  ])('is let in %s', async (_how, change) => {
    expect((await stats.ask(change)).days).toEqual([]);
  });

  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  it.each<[string, Change, string]>([
    ['without a kid', { header: { kid: undefined } }, "missing 'kid' header in token"],
    ['with a kid that is no string', { header: { kid: 1 } }, "invalid 'kid' field in token"],
    ['with another algorithm', { header: { alg: 'HS256' } }, 'unsupported signing method, must be ES256'],
    ['with no signature', { header: { alg: 'none' } }, 'unsupported signing method, must be ES256'],
    ['as an unknown issuer', { claims: { iss: 'https://x' } }, 'issuer not found: https://x'],
    ['without an issuer', { claims: { iss: undefined } }, 'issuer not found: '],
    ['with an unknown key', { header: { kid: 'v2' } }, 'key not found: kid: v2 iss: https://verify.example.org '],
    ['with the key of a stranger', { privateKey: stranger }, 'crypto/ecdsa: verification error'],
    [
      'with the key of a stranger, late',
      { privateKey: stranger, claims: { exp: 1 } },
      'crypto/ecdsa: verification error',
    ],
    ['too late', { claims: { exp: seconds - 61 } }, 'token is expired by 1m1s'],
    ['before the token was made', { claims: { iat: seconds + 61 } }, 'Token used before issued'],
    ['before the token counts', { claims: { nbf: seconds + 61 } }, 'token is not valid yet'],
    ['with all times wrong', { claims: { exp: 1, iat: seconds + 999, nbf: seconds + 999 } }, 'token is not valid yet'],
    [
      'with a certificate of the same audience',
      { claims: { tekmac: 'bWFj' } },
      'a certificate is no token for statistics',
    ],
  ])('is refused %s', async (_how, change, text) => {
    expect(await refusalOf(stats.ask(change))).toEqual({
      kind: 'unauthenticated',
      code: 'unauthorized',
      message: `unauthorized: ${text}`,
      details: [],
    });
  });

  it.each([undefined, '', 'KeyServer', 'enmesh-sample'])('is refused with the audience %j', async (aud) => {
    expect(await refusalOf(stats.ask({ claims: { aud } }))).toMatchObject({
      code: 'unauthorized',
      message: 'unauthorized, audience mismatch',
    });
  });

  it('is refused with several audiences', async () => {
    expect(await refusalOf(stats.ask({ claims: { aud: ['keyserver'] } }))).toMatchObject({
      message: 'unauthorized: claim "aud" must be a string',
    });
  });

  it.each([
    ['', 'token contains an invalid number of segments'],
    ['a.b', 'token contains an invalid number of segments'],
    [' a.b.c', 'illegal base64 data at input byte 0'],
    ['Bearer a.b.c', "tokenstring should not contain 'bearer '"],
  ])('is refused with %j', async (token, text) => {
    expect(await refusalOf(stats.send(token))).toMatchObject({ message: `unauthorized: ${text}` });
  });

  it('is refused when a signature was taken from another token', async () => {
    const [header, , signature] = stats.token().split('.');
    const [, claims] = stats.token({ claims: { exp: seconds + 9_999 } }).split('.');
    expect(await refusalOf(stats.send([header, claims, signature].join('.')))).toMatchObject({
      message: 'unauthorized: crypto/ecdsa: verification error',
    });
  });
});

describe('a health authority', () => {
  it('is refused with the kid of another authority', async () => {
    await using stats = await open();
    const issuer = 'https://other.example';
    await insertAuthority(stats.database, { issuer, appId: 'other', kid: 'other' });
    expect(await refusalOf(stats.ask({ header: { kid: 'other' } }))).toMatchObject({ code: 'unauthorized' });
    expect(await refusalOf(stats.ask({ header: { kid: 'other' }, claims: { iss: issuer } }))).toMatchObject({
      message: 'unauthorized: crypto/ecdsa: verification error',
    });
  });

  it.each<[string, AuthorityOptions]>([
    ['ended', { validThru: now }],
    ['has not begun', { validFrom: now }],
  ])('is refused when the key %s', async (_when, options) => {
    await using stats = await open(options);
    expect(await refusalOf(stats.ask())).toMatchObject({
      message: 'unauthorized: key not found: kid: v1 iss: https://verify.example.org ',
    });
  });

  it('is refused when the authority may not read statistics', async () => {
    await using stats = await open();
    await stats.database.query('update health_authorities set stats = false');
    expect(await refusalOf(stats.ask())).toMatchObject({ message: 'unauthorized: API access forbidden' });
  });

  it('is refused while the authority is on hold', async () => {
    await using stats = await open({ isAuthorityHeld: true });
    expect(await refusalOf(stats.ask())).toMatchObject({ kind: 'forbidden', code: 'on_hold' });
  });

  it('decision 15: is refused within the life of the cache once the key is revoked', async () => {
    await using stats = await open();
    await stats.ask();
    await stats.database.query('update health_authority_keys set valid_thru = $1', [now]);
    stats.clock.advance(10_001);
    expect(await refusalOf(stats.ask())).toMatchObject({ code: 'unauthorized' });
  });

  it('decision 2: hears of a database that does not answer as a failure of ours', async () => {
    await using stats = await open();
    await stats.database.query('drop table health_authority_stats');
    expect(await refusalOf(stats.ask())).toMatchObject({ kind: 'internal', code: 'internal_error' });
  });
});
