import type { OutgoingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, type ErrorKind } from '../../../src/domain/errors.ts';
import type { DayStats } from '../../../src/gen/enmesh/publish/v1/stats.ts';
import { ask, openGateway, type Answer, type TestGateway } from '../support/gateway.ts';

/** An answer with statistics. */
interface StatsJson {
  readonly days?: readonly Readonly<Record<string, unknown>>[];
  readonly error?: string;
  readonly code?: string;
  readonly padding: string;
}

const authorization = 'Bearer a.b.c';

async function askStats(
  gateway: { readonly port: number },
  { body = '{}', headers = {} }: { readonly body?: string | Buffer; readonly headers?: OutgoingHttpHeaders } = {},
): Promise<Answer & { readonly json: StatsJson }> {
  const all = { 'content-type': 'application/json', authorization, ...headers };
  const answer = await ask(gateway, '/v1/stats', { method: 'POST', headers: all, body });
  return { ...answer, json: JSON.parse(answer.text) as StatsJson };
}

const day: DayStats = {
  day: new Date('2020-02-03T00:00:00Z'),
  publishRequests: { unknown: 1n, android: 2n, ios: 9_007_199_254_740_993n },
  totalTeksPublished: 4n,
  requestsWithRevisions: 5n,
  tekAgeDistribution: Array.from({ length: 16 }, (_, index) => BigInt(index)),
  onsetToUploadDistribution: Array.from({ length: 30 }, (_, index) => BigInt(index)),
  requestsMissingOnsetDate: 6n,
};

describe('a request for statistics', () => {
  let gateway: TestGateway;
  let tokens: string[] = [];

  beforeAll(async () => {
    gateway = await openGateway({
      stats: ({ token }) => {
        tokens.push(token);
        return Promise.resolve({ days: [day] });
      },
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('is answered with days in the members and the order that clients know', async () => {
    tokens = [];
    const { status, headers, text } = await askStats(gateway, { body: '{"padding":"xx"}' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(headers).not.toHaveProperty('x-api-version');
    expect(text.replace(/"padding":"[A-Za-z0-9+/=]+"/, '"padding":"…"')).toBe(
      '{"days":[{"day":"2020-02-03T00:00:00Z","publish_requests":{"unknown":1,"android":2,"ios":9007199254740993},' +
        '"total_teks_published":4,"requests_with_revisions":5,' +
        '"tek_age_distribution":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"onset_to_upload_distribution":' +
        '[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29],' +
        '"requests_missing_onset_date":6}],"padding":"…"}',
    );
    expect(tokens).toEqual(['a.b.c']);
  });

  it.each(['{"somethingNew":{"x":[1]}}', '{"Padding":"x"}', 'null', '{}]'])('decision 1: may be %s', async (body) => {
    expect((await askStats(gateway, { body })).status).toBe(200);
  });

  it.each([
    ['', 'body must not be empty'],
    ['{', 'malformed json'],
    ['{x}', 'malformed json at position 2'],
    ['{"padding":1}', 'invalid value "padding" at position 12'],
    ['{}{}', 'body must contain only one JSON object'],
  ])('of %j is refused', async (body, text) => {
    const { status, json } = await askStats(gateway, { body });
    expect(status).toBe(400);
    expect(json).toEqual({
      error: `error unmarshalling API call, code: 400: ${text}`,
      code: 'bad_request',
      padding: expect.any(String) as string,
    });
  });

  it('of another content type is refused with 400, and the text of a 415', async () => {
    const { status, json } = await askStats(gateway, { headers: { 'content-type': 'text/plain' } });
    expect(status).toBe(400);
    expect(json).toMatchObject({
      error: 'error unmarshalling API call, code: 415: content-type is not application/json',
      code: 'bad_request',
    });
  });

  it('of more than 64,000 bytes is refused with 400, and the text of a 413', async () => {
    const bodyOf = (bytes: number) => `{"padding":"${'x'.repeat(bytes - 14)}"}`;
    expect((await askStats(gateway, { body: bodyOf(64_000) })).status).toBe(200);
    const { status, headers, json } = await askStats(gateway, { body: bodyOf(64_001) });
    expect(status).toBe(400);
    expect(headers.connection).toBe('close');
    expect(json).toMatchObject({
      error: 'error unmarshalling API call, code: 413: http: request body too large',
      code: 'bad_request',
    });
  });

  it('is read before its header is looked at', async () => {
    expect((await askStats(gateway, { body: '{', headers: { authorization: 'Basic x' } })).status).toBe(400);
  });

  it.each(['', 'Bearer', 'bearer a.b.c', 'BEARER a.b.c', 'Bearer\ta.b.c', 'Basic a.b.c', 'a.b.c'])(
    'with the Authorization %j is refused',
    async (header) => {
      const { status, json } = await askStats(gateway, { headers: { authorization: header } });
      expect(status).toBe(401);
      expect(json).toEqual({
        error: 'Authorization header is not in `Bearer <token>` format',
        code: 'unauthorized',
        padding: expect.any(String) as string,
      });
    },
  );

  it('takes everything after one space for the token', async () => {
    tokens = [];
    await askStats(gateway, { headers: { authorization: 'Bearer  a.b.c' } });
    expect(tokens).toEqual([' a.b.c']);
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])('is not a %s', async (method) => {
    const { status, headers, text } = await ask(gateway, '/v1/stats?x=1', { method });
    expect(status).toBe(405);
    expect(headers.allow).toBe('POST');
    expect(headers).not.toHaveProperty('x-api-version');
    if (method !== 'HEAD') expect((JSON.parse(text) as StatsJson).code).toBe('method_not_allowed');
  });

  it.each(['/v1/stats/', '//v1/stats', '/v1/Stats'])('is not answered at %s', async (path) => {
    const answer = await ask(gateway, path, { method: 'POST', body: '{}' });
    expect([answer.status, answer.text]).toEqual([404, '404 page not found\n']);
  });

  it('is counted by its route and status', async () => {
    await askStats(gateway);
    const { body } = await gateway.metrics.render();
    expect(body).toMatch(/enmesh_http_requests_total\{route="stats",method="POST",status="200"\} \d/);
  });
});

describe('what the server role says of statistics', () => {
  it.each<[ErrorKind, string, number]>([
    ['unauthenticated', 'unauthorized', 401],
    ['forbidden', 'on_hold', 403],
  ])('reaches the client when it is %s %s', async (kind, code, expected) => {
    await using gateway = await openGateway({
      stats: () => Promise.reject(new AppError(kind, code, 'unauthorized: <x>')),
    });
    const { status, text, json } = await askStats(gateway);
    expect(status).toBe(expected);
    expect(text).toContain('unauthorized: \\u003cx\\u003e');
    expect(json).toMatchObject({ code, error: 'unauthorized: <x>' });
    expect(gateway.logs.filter(({ msg }) => msg !== 'gateway listens')).toEqual([]);
  });

  it.each<[ErrorKind, string]>([
    ['internal', 'internal_error'],
    ['unauthenticated', 'unauthenticated'],
    ['forbidden', 'permission_denied'],
    ['invalid', 'bad_request'],
  ])('decision 2: is a failure of ours when it is %s %s', async (kind, code) => {
    await using gateway = await openGateway({ stats: () => Promise.reject(new AppError(kind, code, 'private')) });
    const { status, json } = await askStats(gateway);
    expect(status).toBe(500);
    expect(json).toMatchObject({ code: 'internal_error', error: 'error reading stats' });
    expect(gateway.logs.some(({ msg }) => msg === 'statistics could not be read')).toBe(true);
  });

  it('decision 2: is 503 with Retry-After when it passes with time', async () => {
    await using gateway = await openGateway();
    await gateway.stopRoles();
    const { status, headers, json } = await askStats(gateway);
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('60');
    expect(json).toMatchObject({ code: 'unavailable' });
  });

  it('of nothing is nothing but padding', async () => {
    await using gateway = await openGateway();
    expect(Object.keys((await askStats(gateway)).json)).toEqual(['padding']);
  });
});

describe('the padding of statistics', () => {
  it('has 2048 to 3071 bytes, refusals too, where the deployed server sends none', async () => {
    await using gateway = await openGateway();
    for (const body of ['{}', '{', '{}', '{']) {
      const { json } = await askStats(gateway, { body });
      const { length } = Buffer.from(json.padding, 'base64');
      expect(length >= 2_048 && length <= 3_071).toBe(true);
    }
  });

  it('is as long as its own settings say, to the byte', async () => {
    await using gateway = await openGateway({ settings: { statsPadding: { minBytes: 30, range: 3 } } });
    const lengths = new Set<number>();
    for (let i = 0; i < 40; i++) lengths.add(Buffer.from((await askStats(gateway)).json.padding, 'base64').length);
    expect([...lengths].sort()).toEqual([30, 31, 32]);
  });
});

describe('chaff for statistics', () => {
  it('decision 13: has the status, headers and members of a real answer, and asks nobody', async () => {
    let asked = 0;
    await using gateway = await openGateway({
      stats: () => {
        asked++;
        return Promise.resolve({});
      },
    });
    const real = await askStats(gateway);
    const chaff = await askStats(gateway, { headers: { 'x-chaff': '1' } });
    const names = ({ headers }: Answer) => Object.keys(headers);
    expect(chaff.status).toBe(real.status);
    expect(names(chaff)).toEqual(names(real));
    expect(Object.keys(chaff.json)).toEqual(['padding']);
    expect(asked).toBe(1);
    const { body } = await gateway.metrics.render();
    expect(body).toContain('enmesh_http_requests_total{route="chaff",method="POST",status="200"} 1');
    expect(body).toContain('enmesh_http_requests_total{route="stats",method="POST",status="200"} 1');
  });

  it('decision 13: takes nothing from real statistics, which no stranger may measure', async () => {
    const days = Array.from({ length: 200 }, () => day);
    await using gateway = await openGateway({ stats: () => Promise.resolve({ days }) });
    const real = await askStats(gateway);
    for (let i = 0; i < 30; i++) await askStats(gateway);
    const sizes: number[] = [];
    for (let i = 0; i < 20; i++) sizes.push((await askStats(gateway, { headers: { 'x-chaff': '1' } })).body.length);
    expect(Math.max(...sizes)).toBeLessThan(real.body.length / 3);
  });
});

describe('the rate limit', () => {
  it('decision 16: counts statistics and chaff like publishes', async () => {
    await using gateway = await openGateway({ settings: { rateLimitPerMinute: 2 } });
    await askStats(gateway);
    await askStats(gateway, { headers: { 'x-chaff': '1' } });
    const { status, headers, json } = await askStats(gateway);
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(json).toMatchObject({ code: 'rate_limited' });
  });
});

describe('maintenance', () => {
  it('decision 14: answers statistics with 503 and Retry-After, chaff too', async () => {
    await using gateway = await openGateway({ settings: { maintenance: true } });
    for (const headers of [{}, { 'x-chaff': '1' }]) {
      const answer = await askStats(gateway, { headers });
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '60']);
      expect(answer.json).toMatchObject({ code: 'maintenance', error: 'please try again later' });
    }
  });
});
