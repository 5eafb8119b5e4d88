import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, type ErrorKind } from '../../../src/domain/errors.ts';
import { Platform, type PublishRequest } from '../../../src/gen/enmesh/publish/v1/publish.ts';
import { ask, openGateway, publish, testSettings, type PublishJson, type TestGateway } from '../support/gateway.ts';

const key = { key: 'AAECAwQFBgcICQoLDA0ODw==', rollingStartNumber: 2650000, rollingPeriod: 144, transmissionRisk: 3 };
const sent = JSON.stringify({ healthAuthorityID: 'org.example', temporaryExposureKeys: [key] });

describe('a publish', () => {
  let gateway: TestGateway;
  let received: PublishRequest[] = [];

  beforeAll(async () => {
    gateway = await openGateway({
      publish: (request) => {
        received.push(request);
        return Promise.resolve({ revisionToken: 'dG9rZW4=', insertedExposures: 1 });
      },
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('reaches the server role member by member, and its answer the phone', async () => {
    received = [];
    const body = {
      temporaryExposureKeys: [key, { key: 'b', transmissionRisk: 9007199254740993 }],
      healthAuthorityID: 'org.Example',
      verificationPayload: 'a.b.c',
      hmackey: 'a2V5',
      symptomOnsetInterval: 2650001,
      traveler: true,
      revisionToken: 'dG9rZW4=',
      platform: 'android',
      deviceVerificationPayload: 'proof',
      somethingNew: {},
    };
    const text = JSON.stringify(body).replace('9007199254740992', '9007199254740993');
    const answer = await publish(gateway, text, { 'user-agent': 'ENPA/1 (Android 12)' });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      revisionToken: 'dG9rZW4=',
      insertedExposures: 1,
      padding: expect.any(String) as string,
    });
    expect(received).toEqual([
      {
        temporaryExposureKeys: [
          { ...key, transmissionRisk: 3n },
          { key: 'b', rollingStartNumber: 0, rollingPeriod: 0, transmissionRisk: 9007199254740993n },
        ],
        healthAuthorityId: 'org.Example',
        verificationPayload: 'a.b.c',
        hmacKey: 'a2V5',
        symptomOnsetInterval: 2650001,
        traveler: true,
        revisionToken: 'dG9rZW4=',
        attestationPlatform: 'android',
        deviceVerificationPayload: 'proof',
        platform: Platform.ANDROID,
        regions: [],
      },
    ]);
  });

  it.each([
    ['bluetoothd/1 CFNetwork/1.2', Platform.IOS],
    ['My iPhone', Platform.IOS],
    ['ANDROID iphone', Platform.ANDROID],
    ['CFNetwork', Platform.UNSPECIFIED],
    ['', Platform.UNSPECIFIED],
  ])('from %j counts for its platform', async (userAgent, platform) => {
    received = [];
    await publish(gateway, sent, { 'user-agent': userAgent });
    expect(received[0]?.platform).toBe(platform);
  });

  it('says what it is, and nothing about the software', async () => {
    const { headers } = await publish(gateway, sent);
    expect(headers['content-type']).toBe('application/json');
    expect(headers['x-api-version']).toBe('v1');
    expect(headers).not.toHaveProperty('server');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it.each(['application/json; charset=utf-8', 'application/jsonx', 'application/json/;;'])(
    'may be %s',
    async (type) => {
      expect((await publish(gateway, sent, { 'content-type': type })).status).toBe(200);
    },
  );

  it.each(['Application/json', 'text/plain', 'application/jso', '', '/'])('may not be %j', async (type) => {
    const { status, json } = await publish(gateway, sent, { 'content-type': type });
    expect(status).toBe(415);
    expect(json).toMatchObject({
      code: 'bad_request',
      error: 'error unmarshalling API call, code: 415: content-type is not application/json',
    });
  });

  it('without a content type is refused', async () => {
    const { status, text } = await ask(gateway, '/v1/publish', { method: 'POST', body: sent });
    expect(status).toBe(415);
    expect(text).toContain('content-type is not application/json');
  });

  it.each([
    ['', 'body must not be empty'],
    ['{', 'malformed json'],
    ['{x}', 'malformed json at position 2'],
    ['{"traveler":1}', 'invalid value "traveler" at position 13'],
    ['{}{}', 'body must contain only one JSON object'],
  ])('of %j is refused', async (body, text) => {
    const { status, headers, json } = await publish(gateway, body);
    expect(status).toBe(400);
    expect(headers['x-api-version']).toBe('v1');
    expect(json).toEqual({
      error: `error unmarshalling API call, code: 400: ${text}`,
      code: 'bad_request',
      padding: expect.any(String) as string,
    });
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])('is not a %s', async (method) => {
    const { status, headers, text } = await ask(gateway, '/v1/publish?x=1', { method });
    expect(status).toBe(405);
    expect(headers.allow).toBe('POST');
    expect(headers['x-api-version']).toBe('v1');
    if (method !== 'HEAD') expect((JSON.parse(text) as PublishJson).code).toBe('method_not_allowed');
  });

  it.each(['/v1/publish/', '//v1/publish', '/v1/Publish', '/v1/stats/', '/', '/v1/publish%', '/%'])(
    'is not answered at %s',
    async (path) => {
      const { status, text } = await ask(gateway, path, { method: 'POST', body: sent });
      expect(status).toBe(404);
      expect(text).toBe('404 page not found\n');
    },
  );

  it('never makes us fail, whatever it holds', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 500 }).map((array) => Buffer.from(array)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .object({ key: fc.constantFrom('temporaryExposureKeys', 'key', 'hmacKey', 'traveler', 'padding') })
        .map((value) => Buffer.from(JSON.stringify(value))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        const { status } = await publish(gateway, body);
        expect(status === 200 || status === 400).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('padding', () => {
  it('is as long as the settings say, to the byte', async () => {
    await using gateway = await openGateway({ settings: { padding: { minBytes: 30, range: 3 } } });
    const lengths = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const { json } = await publish(gateway, i % 2 ? '{}' : '{');
      lengths.add(Buffer.from(json.padding ?? '', 'base64').length);
    }
    expect([...lengths].sort()).toEqual([30, 31, 32]);
  });
});

describe('the answer of the server role', () => {
  it('keeps its order, leaves out what is empty, and escapes what HTML would read', async () => {
    await using gateway = await openGateway({
      publish: () =>
        Promise.resolve({
          revisionToken: 'dA==',
          insertedExposures: 2,
          partialFailure: '1 error: <a> & "b"\nü',
          warnings: ['w<1>', 'w2'],
        }),
    });
    const { status, text } = await publish(gateway, sent);
    expect(status).toBe(200);
    expect(text.replace(/"padding":"[A-Za-z0-9+/=]+"/, '"padding":"…"')).toBe(
      '{"revisionToken":"dA==","insertedExposures":2,' +
        '"error":"1 error: \\u003ca\\u003e \\u0026 \\"b\\"\\nü","code":"partial_failure",' +
        '"padding":"…","warnings":["w\\u003c1\\u003e","w2"]}',
    );
  });

  it('of nothing is nothing but padding', async () => {
    await using gateway = await openGateway();
    expect(Object.keys((await publish(gateway, sent)).json)).toEqual(['padding']);
  });

  it.each<[ErrorKind, string, number]>([
    ['invalid', 'bad_request', 400],
    ['invalid', 'invalid_revision_token', 400],
    ['precondition', 'key_already_revised', 400],
    ['unauthenticated', 'unknown_health_authority_id', 401],
    ['unauthenticated', 'health_authority_verification_certificate_invalid', 401],
    ['unauthenticated', 'attestation_invalid', 401],
    ['forbidden', 'on_hold', 403],
    ['exhausted', 'rate_limited', 429],
    ['internal', 'health_authority_missing_region_config', 500],
  ])('%s %s is %i, with its text and warnings', async (kind, code, status) => {
    await using gateway = await openGateway({
      publish: () => {
        throw new AppError(kind, code, 'the text', { details: ['first', 'second'] });
      },
    });
    const answer = await publish(gateway, sent);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-api-version']).toBe('v1');
    expect(answer.json).toMatchObject({ code, error: 'the text', warnings: ['first', 'second'] });
    expect(gateway.logs.filter(({ level }) => level === 'error')).toHaveLength(status === 500 ? 1 : 0);
  });

  it.each<[ErrorKind, string]>([
    ['unavailable', 'unavailable'],
    ['timeout', 'deadline_exceeded'],
    ['exhausted', 'resource_exhausted'],
    ['unavailable', 'unable_to_load_health_authority'],
  ])('%s %s is 503: try again', async (kind, code) => {
    await using gateway = await openGateway({
      publish: () => {
        throw new AppError(kind, code, 'internal text');
      },
    });
    const { status, headers, json, text } = await publish(gateway, sent);
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('60');
    expect(json.code).toBe('unavailable');
    expect(text).not.toContain('internal text');
  });

  it.each<[string, Error]>([
    ['an error that nobody foresaw', new Error('select secret')],
    ['a call that the gateway may not make', new AppError('forbidden', 'permission_denied', 'secret')],
    ['a gateway that is not known', new AppError('unauthenticated', 'unauthenticated', 'secret')],
    ['a code that phones do not know', new AppError('invalid', 'secret_code', 'secret')],
  ])('%s is 500 without a word of it', async (_what, error) => {
    await using gateway = await openGateway({ publish: () => Promise.reject(error) });
    const { status, json, text } = await publish(gateway, sent);
    expect(status).toBe(500);
    expect(json).toMatchObject({ code: 'internal_error', error: 'Internal Server Error' });
    expect(text).not.toContain('secret');
  });

  it('that cannot be reached is 503, with one log line that holds nothing of the request', async () => {
    await using gateway = await openGateway();
    await gateway.stopRoles();
    const { status, json } = await publish(gateway, sent);
    expect(status).toBe(503);
    expect(json.code).toBe('unavailable');
    const errors = gateway.logs.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(JSON.stringify(gateway.logs)).not.toMatch(/AAECAwQ|org\.example/);
  });

  it('that does not come in time is 503', async () => {
    await using gateway = await openGateway({
      publish: async (_request, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return {};
      },
      settings: { timeouts: { ...testSettings.timeouts, callMs: 50 } },
    });
    expect((await publish(gateway, sent)).json.code).toBe('unavailable');
  });
});

describe('maintenance', () => {
  it('answers 503 to real publishes and to chaff, while health answers', async () => {
    let calls = 0;
    await using gateway = await openGateway({
      settings: { maintenance: true },
      publish: () => {
        calls++;
        return Promise.resolve({});
      },
    });
    for (const headers of [{}, { 'x-chaff': '1' }]) {
      const answer = await publish(gateway, sent, headers);
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('60');
      expect(answer.headers['x-api-version']).toBe('v1');
      expect(answer.json).toMatchObject({ code: 'maintenance', error: 'please try again later' });
    }
    expect(calls).toBe(0);
    expect((await ask(gateway, '/healthz')).status).toBe(200);
    expect((await ask(gateway, '/health')).status).toBe(200);
  });
});
