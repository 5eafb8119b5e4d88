import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { now } from '../server/publish/publisher.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { rowOf, toldBy } from './support/told.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation();
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

const notFound = {
  status: 404,
  text: '404 page not found\n',
  type: 'text/plain; charset=utf-8',
  sniffing: 'nosniff',
};

describe('reference 1.1', () => {
  it.each([
    '/v1/publish/',
    '/v1/stats/',
    '/',
    '/v1',
    '/v1/publish/x',
    '/nothing',
    '/V1/PUBLISH',
    '//v1/publish',
    '/v1/../v1/publish',
  ])('%s is 404, to GET and POST', async (path) => {
    for (const method of ['GET', 'POST']) {
      const { status, text, headers } = await installation.ask(path, { method });
      expect({
        status,
        text,
        type: headers['content-type'],
        sniffing: headers['x-content-type-options'],
      }).toEqual(notFound);
      expect(headers).not.toHaveProperty('x-api-version');
    }
  });

  it('/health tells that publishes find their way', async () => {
    const { status, text } = await installation.ask('/health');
    expect({ status, body: JSON.parse(text) as unknown }).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('/v1/publish says x-api-version: v1 on every outcome', async () => {
    const authority = await installation.authority();
    const body = JSON.stringify(authority.phone.publishBody({ now }));
    // toldBy looks for the header each time.
    expect((await installation.publish(body)).status).toBe(200);
    expect((await installation.publish('{}')).status).toBe(401);
    expect((await installation.publish('{')).status).toBe(400);
    expect((await installation.publish('{}', { 'content-type': 'x/y' })).status).toBe(415);
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('decision 1: %s is 405 and names POST', async (method) => {
    const answer = await installation.ask('/v1/publish', { method });
    expect(answer.headers.allow).toBe('POST');
    expect(rowOf(toldBy(answer))).toEqual({
      status: 405,
      code: 'method_not_allowed',
      error: 'only POST is answered here',
    });
  });

  it('a query changes nothing', async () => {
    const { status } = await installation.ask('/v1/publish?x=1', { method: 'POST', body: '{}' });
    expect(status).toBe(415);
  });
});

describe('reference 1.3 (decision 14): maintenance', () => {
  it('is 503 with Retry-After for publishes and chaff, before the body is looked at; health goes on', async () => {
    await using closed = await startInstallation({ gateway: { maintenance: true } });
    for (const headers of [{}, { 'x-chaff': '1' }, { 'content-type': 'text/plain' }]) {
      const told = await closed.publish('{', headers);
      expect(rowOf(told)).toEqual({ status: 503, code: 'maintenance', error: 'please try again later' });
      expect(told.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    }
    expect((await closed.ask('/health')).status).toBe(200);
  });
});

describe('reference 1.7', () => {
  it('members come in their order, and empty ones not at all', async () => {
    const authority = await installation.authority();
    const { phone } = authority;
    const midnight = Math.floor(now.getTime() / 86_400_000) * 144;
    const full = phone.publishBody({ now, symptomOnsetInterval: midnight });
    const [first, ...rest] = full.temporaryExposureKeys;
    const tooFar = { ...first!, rollingStartNumber: midnight - 15 * 144, key: 'AAAAAAAAAAAAAAAAAAAAAA==' };
    const wrong = { ...first!, rollingPeriod: 0 };
    const keys = [wrong, tooFar, ...rest];
    const answer = await installation.ask('/v1/publish', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(phone.publishBody({ now, keys, symptomOnsetInterval: midnight })),
    });
    expect(Object.keys(JSON.parse(answer.text) as object)).toEqual([
      'revisionToken',
      'insertedExposures',
      'error',
      'code',
      'padding',
      'warnings',
    ]);
    expect(toldBy(answer).said.insertedExposures).toBe(2);
  });

  it('insertedExposures counts new rows and not revised ones', async () => {
    const authority = await installation.authority();
    const body = authority.phone.publishBody({ now, reportType: 'likely' });
    const { revisionToken } = await installation.publish(body);
    const keys = body.temporaryExposureKeys;
    const revision = { keys, revisionToken, reportType: 'confirmed' };
    expect(rowOf(await installation.publishBy(authority, revision))).toEqual({ status: 200 });
  });

  it('< > & and U+2028 are escaped as \\u003c, \\u003e, \\u0026 and \\u2028', async () => {
    const answer = await installation.ask('/v1/publish', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"healthAuthorityID":"<a>&\\u2028\\"\\\\\\n"}',
    });
    expect(answer.text).toContain('"error":"unauthorized health authority: \\u003ca\\u003e\\u0026\\u2028');
    expect(toldBy(answer).said.error).toBe('unauthorized health authority: <a>&\u2028"\\\n');
  });
});

describe('reference 1.8', () => {
  it('padding is of 1024 to 2047 bytes, of any length between, on errors too', async () => {
    const lengths: number[] = [];
    for (let turn = 0; turn < 60; turn++) {
      const { text } = await installation.ask('/v1/publish', { method: 'POST', body: turn % 2 ? '{}' : '' });
      lengths.push(Buffer.from((JSON.parse(text) as { padding: string }).padding, 'base64').length);
    }
    expect(Math.min(...lengths) >= 1024 && Math.max(...lengths) <= 2047).toBe(true);
    expect(Math.min(...lengths) < 1300 && Math.max(...lengths) > 1770).toBe(true);
  });
});

describe('reference 1.12', () => {
  const slots = ['unknown', 'android', 'ios'];

  it.each([
    ['contains android', 'Dalvik/2.1.0 (Linux; U; Android 12)', 'android'],
    ['contains android, upper case', 'ANDROID', 'android'],
    ['else contains iphone', 'Mozilla (iPhone; CPU)', 'ios'],
    ['android before iphone', 'iphone android', 'android'],
    ['contains both bluetoothd and cfnetwork', 'bluetoothd (unknown version) CFNetwork/1220.1 Darwin/20.3.0', 'ios'],
    ['bluetoothd alone', 'bluetoothd/1', 'unknown'],
    ['cfnetwork alone', 'CFNetwork/1220.1', 'unknown'],
    ['none', '', 'unknown'],
  ])('%s', async (_what, userAgent, platform) => {
    const authority = await installation.authority();
    await installation.publish(authority.phone.publishBody({ now }), { 'user-agent': userAgent });
    const { rows } = await installation.database.query<{ counts: string[] }>(
      'select counts from health_authority_stats where health_authority_id = $1',
      [authority.authorityRowId],
    );
    expect(rows.map(({ counts }) => counts.slice(0, 3))).toEqual([
      slots.map((slot) => (slot === platform ? '1' : '0')),
    ]);
  });
});
