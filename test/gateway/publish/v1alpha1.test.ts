import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, type ErrorKind } from '../../../src/domain/errors.ts';
import type { PublishRequest } from '../../../src/gen/enmesh/publish/v1/publish.ts';
import { ask, openGateway, type Answer, type TestGateway } from '../support/gateway.ts';

const key = { key: 'AAECAwQFBgcICQoLDA0ODw==', rollingStartNumber: 2650000, rollingPeriod: 144, transmissionRisk: 3 };
const padding = expect.any(String) as string;

async function post(gateway: TestGateway, body: string, headers = {}): Promise<Answer> {
  return await ask(gateway, '/', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}

describe('a v1alpha1 publish', () => {
  let gateway: TestGateway;
  let received: PublishRequest[] = [];

  beforeAll(async () => {
    gateway = await openGateway({
      settings: { hasV1Alpha1: true },
      publish: (request) => {
        received.push(request);
        return Promise.resolve({ revisionToken: 'dG9rZW4=', insertedExposures: 1, warnings: ['w<1>'] });
      },
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('reaches the server role member by member, and its answer the phone', async () => {
    received = [];
    const { status, headers, text } = await post(
      gateway,
      JSON.stringify({
        temporaryExposureKeys: [key],
        regions: ['AA', 'bb'],
        appPackageName: 'org.Example',
        platform: 'android',
        deviceVerificationPayload: 'proof',
        verificationPayload: 'a.b.c',
        hmackey: 'a2V5',
        symptomOnsetInterval: 2650001,
        revisionToken: 'dG9rZW4=',
        padding: 'x',
        healthAuthorityID: 'ignored',
        traveler: 'ignored',
      }),
    );
    expect(status).toBe(200);
    expect(headers['x-api-version']).toBe('v1alpha');
    expect(headers['content-type']).toBe('application/json');
    expect(text.replace(/"padding":"[A-Za-z0-9+/=]+"/, '"padding":"…"')).toBe(
      '{"revisionToken":"dG9rZW4=","insertedExposures":1,"error":"","padding":"…","warnings":["w\\u003c1\\u003e"]}',
    );
    expect(received).toEqual([
      expect.objectContaining({
        temporaryExposureKeys: [{ ...key, transmissionRisk: 3n }],
        regions: ['AA', 'bb'],
        healthAuthorityId: 'org.Example',
        attestationPlatform: 'android',
        deviceVerificationPayload: 'proof',
        verificationPayload: 'a.b.c',
        hmacKey: 'a2V5',
        symptomOnsetInterval: 2650001,
        revisionToken: 'dG9rZW4=',
        traveler: true,
      }),
    ]);
  });

  it.each([
    ['{}', [], false],
    ['{"regions":null}', [], false],
    ['{"regions":["AA"]}', ['AA'], false],
    ['{"REGIONS":["AA","BB"]}', ['AA', 'BB'], true],
    ['{"regions":["AA","BB"],"regions":["CC"]}', ['CC'], false],
  ])('of %s names its regions, and is a traveler’s when there is more than one', async (body, regions, traveler) => {
    received = [];
    expect((await post(gateway, body)).status).toBe(200);
    expect(received).toEqual([expect.objectContaining({ regions, traveler })]);
  });

  it.each([
    ['', 400, 'code: 400: body must not be empty'],
    ['{', 400, 'code: 400: malformed json'],
    ['{"regions":"AA"}', 400, 'code: 400: invalid value "regions" at position 15'],
    ['{"regions":[1]}', 400, 'code: 400: invalid value "regions" at position 13'],
    ['{"appPackageName":1}', 400, 'code: 400: invalid value "appPackageName" at position 19'],
    ['{"hmacKey":1}', 400, 'code: 400: invalid value "hmackey" at position 12'],
    [`{"padding":"${'x'.repeat(64_000)}"}`, 413, 'code: 413: http: request body too large'],
  ])('that cannot be read is refused without a code: %.30s', async (body, status, error) => {
    const answer = await post(gateway, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-api-version']).toBe('v1alpha');
    expect(JSON.parse(answer.text)).toEqual({
      revisionToken: '',
      insertedExposures: 0,
      error: `error unmarshalling API call, ${error}`,
      padding,
    });
  });

  it('of another content type is refused', async () => {
    expect((await post(gateway, '{}', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('is not a %s', async (method) => {
    const { status, headers, text } = await ask(gateway, '/', { method });
    expect(status).toBe(405);
    expect(headers.allow).toBe('POST');
    expect(headers['x-api-version']).toBe('v1alpha');
    if (method !== 'HEAD') expect(Object.keys(JSON.parse(text) as object)).not.toContain('code');
  });

  it('may be chaff, which goes no further', async () => {
    received = [];
    const real = await post(gateway, '{}');
    const chaff = await post(gateway, '{}', { 'x-chaff': '1' });
    expect(chaff.status).toBe(200);
    expect(Object.keys(chaff.headers)).toEqual(Object.keys(real.headers));
    expect(chaff.headers['x-api-version']).toBe('v1alpha');
    expect(received).toHaveLength(1);
  });

  it('leaves the v1 publish as it is', async () => {
    received = [];
    const body = '{"regions":["AA"],"appPackageName":"x","traveler":true}';
    const headers = { 'content-type': 'application/json' };
    const { text } = await ask(gateway, '/v1/publish', { method: 'POST', headers, body });
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      'revisionToken',
      'insertedExposures',
      'padding',
      'warnings',
    ]);
    expect(received).toEqual([expect.objectContaining({ regions: [], healthAuthorityId: '', traveler: true })]);
  });
});

describe('what a v1alpha1 publish is answered with', () => {
  it.each<[ErrorKind, string, number, string]>([
    ['invalid', 'bad_request', 400, 'the text'],
    ['unauthenticated', 'unknown_health_authority_id', 401, 'the text'],
    ['unauthenticated', 'unauthorized_region', 401, 'the text'],
    ['forbidden', 'on_hold', 403, 'the text'],
    ['internal', 'internal_error', 500, 'Internal Server Error'],
    ['unavailable', 'unavailable', 503, 'the service is not available at the moment, please try again later'],
  ])('has the status of v1 and no code: %s %s', async (kind, code, status, error) => {
    await using gateway = await openGateway({
      settings: { hasV1Alpha1: true },
      publish: () => {
        throw new AppError(kind, code, 'the text');
      },
    });
    const answer = await post(gateway, '{}');
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ revisionToken: '', insertedExposures: 0, error, padding });
  });

  it('names partial failures without a code', async () => {
    await using gateway = await openGateway({
      settings: { hasV1Alpha1: true },
      publish: () => Promise.resolve({ insertedExposures: 1, partialFailure: '1 error' }),
    });
    const { status, text } = await post(gateway, '{}');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ revisionToken: '', insertedExposures: 1, error: '1 error', padding });
  });

  it('is 503 in maintenance (decision 14), chaff too', async () => {
    await using gateway = await openGateway({ settings: { hasV1Alpha1: true, maintenance: true } });
    for (const headers of [{}, { 'x-chaff': '1' }]) {
      const answer = await post(gateway, '{}', headers);
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('60');
      expect(JSON.parse(answer.text)).toMatchObject({ error: 'please try again later' });
    }
  });

  it('is 404 while it is not switched on', async () => {
    await using gateway = await openGateway();
    for (const method of ['POST', 'GET']) expect((await ask(gateway, '/', { method })).status).toBe(404);
  });
});
