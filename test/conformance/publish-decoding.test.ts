import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hmacText, makeKeys, type PublishBody } from '../support/phone.ts';
import type { Authority } from '../support/authority.ts';
import { now } from '../server/publish/publisher.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';
import { rowOf } from './support/told.ts';

let installation: Installation;
let authority: Authority;
/** Its app needs no certificate. */
let free: Authority;

beforeAll(async () => {
  installation = await startInstallation();
  authority = await installation.authority();
  free = await installation.authority({ bypassCertificate: true });
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

function refused(status: number, text: string) {
  const error = `error unmarshalling API call, code: ${String(status)}: ${text}`;
  return { status, code: 'bad_request', error };
}

/** What the pipeline says of an all-zero request: the body was taken. */
const taken = { status: 401, code: 'unknown_health_authority_id', error: 'unauthorized health authority: ' };

const limit = 64_000;

/** JSON of exactly so many bytes that takes part in the request. */
function bodyOf(bytes: number): string {
  return `{"padding":"${'x'.repeat(bytes - '{"padding":""}'.length)}"}`;
}

describe('reference 1.4: content type', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'application/jsonx', 'application/json,text/html'])(
    '%s is taken',
    async (type) => {
      expect(rowOf(await installation.publish('{}', { 'content-type': type }))).toEqual(taken);
    },
  );

  it.each(['Application/json', 'APPLICATION/JSON', 'application/jso', 'text/json', ''])('%j is 415', async (type) => {
    expect(rowOf(await installation.publish('{}', { 'content-type': type }))).toEqual(
      refused(415, 'content-type is not application/json'),
    );
  });

  it('comes before the body', async () => {
    expect((await installation.publish('{', { 'content-type': 'text/plain' })).status).toBe(415);
  });
});

describe('reference 1.4: size', () => {
  it('64,000 bytes are taken, also when white space follows them', async () => {
    for (const body of [bodyOf(limit), bodyOf(limit) + ' \n'.repeat(500)]) {
      expect(rowOf(await installation.publish(body))).toEqual(taken);
    }
  });

  it('64,001 bytes are 413, and the connection ends', async () => {
    const told = await installation.publish(bodyOf(limit + 1));
    expect(rowOf(told)).toEqual(refused(413, 'http: request body too large'));
    expect(told.headers.connection).toBe('close');
  });
});

describe('reference 1.4: error texts', () => {
  it.each([
    ['empty body', '', 'body must not be empty'],
    ['empty body of white space', ' \r\n\t', 'body must not be empty'],
    ['syntax error', '{"hmacKey":x}', 'malformed json at position 12'],
    ['syntax error at the first byte', 'hello', 'malformed json at position 1'],
    ['syntax error: a UTF-8 byte order mark', '\ufeff{}', 'malformed json at position 1'],
    ['truncated JSON', '{"hmacKey":"a"', 'malformed json'],
    ['wrong type of a string', '{"hmacKey":1}', 'invalid value "hmacKey" at position 12'],
    ['wrong type of a boolean', '{"traveler":"yes"}', 'invalid value "traveler" at position 17'],
    ['wrong type of a list', '{"temporaryExposureKeys":{}}', 'invalid value "temporaryExposureKeys" at position 26'],
    [
      'wrong type inside a list',
      '{"temporaryExposureKeys":[{"rollingStartNumber":"1"}]}',
      'invalid value "temporaryExposureKeys.rollingStartNumber" at position 51',
    ],
    ['fraction', '{"symptomOnsetInterval":1.0}', 'invalid value "symptomOnsetInterval" at position 27'],
    ['exponent', '{"symptomOnsetInterval":1e2}', 'invalid value "symptomOnsetInterval" at position 27'],
    ['beyond int32', '{"symptomOnsetInterval":2147483648}', 'invalid value "symptomOnsetInterval" at position 34'],
    ['below int32', '{"symptomOnsetInterval":-2147483649}', 'invalid value "symptomOnsetInterval" at position 35'],
    [
      'beyond int64',
      '{"temporaryExposureKeys":[{"transmissionRisk":9223372036854775808}]}',
      'invalid value "temporaryExposureKeys.transmissionRisk" at position 65',
    ],
    ['top-level list', '[]', 'invalid value "" at position 1'],
    ['top-level text', '"x"', 'invalid value "" at position 3'],
    ['two values', '{}{}', 'body must contain only one JSON object'],
    ['words after the value', '{} x', 'body must contain only one JSON object'],
    ['nesting beyond 10,000', '['.repeat(10_001), 'malformed json at position 10001'],
  ])('%s', async (_situation, body, text) => {
    expect(rowOf(await installation.publish(body))).toEqual(refused(400, text));
  });

  it.each(['{}]', '{}}', '{} ] x', 'null', 'null]'])('%j is taken as ever', async (body) => {
    expect(rowOf(await installation.publish(body))).toEqual(taken);
  });

  it('unknown field (decision 1: ignored, at every level, whatever it holds)', async () => {
    const { temporaryExposureKeys, ...rest } = authority.phone.publishBody({ now });
    const unknown = { regions: ['ZZ'], appPackageName: 'x', somethingNew: { deep: [{}, null, 1.5e3] } };
    const keys = temporaryExposureKeys.map((key) => ({ ...unknown, ...key, ...unknown }));
    const body = { ...unknown, ...rest, temporaryExposureKeys: keys };
    expect(rowOf(await installation.publish(body))).toEqual({ status: 200, insertedExposures: 3 });
  });
});

describe('reference 1.4: names', () => {
  /** The body with every name rewritten. */
  function renamed(body: PublishBody, rename: (name: string) => string): string {
    return JSON.stringify(body, (_name, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([name, member]) => [rename(name), member as unknown]))
        : value,
    );
  }

  it.each<[string, (name: string) => string]>([
    ['in lower case', (name) => name.toLowerCase()],
    ['in upper case', (name) => name.toUpperCase()],
    ['with U+212A for k', (name) => name.replaceAll(/k/gi, '\u212a')],
    ['with U+017F for s', (name) => name.replaceAll(/s/gi, '\u017f')],
    ['as deployed apps write hmackey', (name) => (name === 'hmacKey' ? 'hmackey' : name)],
  ])('match %s', async (_how, rename) => {
    const body = authority.phone.publishBody({ now, traveler: true, symptomOnsetInterval: 1 });
    expect(rowOf(await installation.publish(renamed(body, rename)))).toEqual({ status: 200, insertedExposures: 3 });
  });

  it('that look alike otherwise do not match', async () => {
    const body = renamed(authority.phone.publishBody({ now }), (name) =>
      name.replace('healthAuthorityID', 'healthAuthorityIÐ'),
    );
    expect(rowOf(await installation.publish(body))).toEqual(taken);
  });

  it('given twice: the last one counts, and null takes nothing back', async () => {
    const body = () => JSON.stringify(authority.phone.publishBody({ now }));
    const before = `{"healthAuthorityID":"x","traveler":true,${body().slice(1)}`;
    const after = `${body().slice(0, -1)},"HEALTHAUTHORITYID":null}`;
    for (const text of [before, after]) expect((await installation.publish(text)).status).toBe(200);
    const lost = `${body().slice(0, -1)},"healthauthorityid":"x"}`;
    expect((await installation.publish(lost)).said.error).toBe('unauthorized health authority: x');
  });

  it('a second list of keys is read over the first one, in the HMAC too', async () => {
    const own = await installation.authority();
    const [first, second] = makeKeys(now, 2);
    const merged = { ...second!, transmissionRisk: 8 };
    const { temporaryExposureKeys, ...rest } = own.phone.publishBody({ now, keys: [merged] });
    expect(temporaryExposureKeys).toEqual([merged]);
    const lists = [[{ ...first!, transmissionRisk: 8 }, first], [second]].map(
      (list) => `"temporaryExposureKeys":${JSON.stringify(list)}`,
    );
    const text = `{${lists.join()},${JSON.stringify(rest).slice(1)}`;
    expect(rowOf(await installation.publish(text))).toEqual({ status: 200, insertedExposures: 1 });
    expect(await storedBy(installation.database, own)).toMatchObject([{ transmission_risk: 8 }]);
  });
});

describe('reference 1.4: values', () => {
  it('null is absent, for every member', async () => {
    const { temporaryExposureKeys } = free.phone.publishBody({ now });
    const absent = ['verificationPayload', 'hmacKey', 'symptomOnsetInterval', 'traveler', 'revisionToken', 'padding'];
    const body = {
      healthAuthorityID: free.phone.appId,
      temporaryExposureKeys: temporaryExposureKeys.map((key) => ({ ...key, transmissionRisk: null })),
      ...Object.fromEntries(absent.map((name) => [name, null])),
    };
    expect(rowOf(await installation.publish(body))).toEqual({ status: 200, insertedExposures: 3 });
  });

  it('invalid UTF-8 and lone surrogates become U+FFFD', async () => {
    const bytes = Buffer.concat([Buffer.from('{"healthAuthorityID":"a'), Buffer.of(0xff), Buffer.from('\\ud800"}')]);
    expect((await installation.publish(bytes)).said.error).toBe('unauthorized health authority: a\ufffd\ufffd');
  });

  it('a NUL in the id of an app is as an unknown app, not a failure (3.1)', async () => {
    expect(rowOf(await installation.publish('{"healthAuthorityID":"org.example.app1\\u0000"}'))).toEqual({
      status: 401,
      code: 'unknown_health_authority_id',
      error: 'unauthorized health authority: org.example.app1\0',
    });
  });

  it.each([
    [
      'transmissionRisk',
      '-9223372036854775808',
      'invalid transmission risk: -9223372036854775808, must be >= 0 && <= 8',
    ],
    ['transmissionRisk', '9223372036854775807', 'invalid transmission risk: 9223372036854775807, must be >= 0 && <= 8'],
    ['rollingPeriod', '-2147483648', 'invalid interval count, -2147483648, must be >= 1 && <= 144'],
    ['rollingPeriod', '2147483647', 'invalid interval count, 2147483647, must be >= 1 && <= 144'],
  ])('%s %s decodes exactly', async (name, value, text) => {
    const [key, other] = makeKeys(now, 2);
    const changed = JSON.stringify({ ...key!, [name]: 'HERE' }).replace('"HERE"', value);
    const body = `{"healthAuthorityID":"${free.phone.appId}","temporaryExposureKeys":[${changed},${JSON.stringify(other)}]}`;
    expect((await installation.publish(body)).said).toMatchObject({
      insertedExposures: 1,
      code: 'partial_failure',
      error: `1 error occurred:\n\t* key 0 cannot be imported: ${text}\n\n`,
    });
  });
});

describe('reference 1.5: the v1 request', () => {
  it('a missing member is its zero: each is then refused where it is needed', async () => {
    const body = authority.phone.publishBody({ now });
    const without = (name: keyof PublishBody) => ({ ...body, [name]: undefined });
    const errors = [];
    for (const name of ['healthAuthorityID', 'verificationPayload', 'temporaryExposureKeys', 'hmacKey'] as const) {
      errors.push((await installation.publish(without(name))).said.error);
    }
    const certificate = 'unable to validate diagnosis verification';
    expect(errors).toEqual([
      'unauthorized health authority: ',
      `${certificate}: token contains an invalid number of segments`,
      `${certificate}: calculating expected HMAC: cannot calculate hmac on empty exposure keys`,
      `${certificate}: HMAC mismatch, publish request does not match disgnosis verification certificate`,
    ]);
  });

  it('a missing hmacKey is an empty secret, which is one too', async () => {
    const own = await installation.authority();
    const keys = makeKeys(now, 1);
    const tekmac = createHmac('sha256', '').update(hmacText(keys)).digest('base64');
    const { hmacKey, ...body } = own.phone.publishBody({ now, keys, claims: { tekmac } });
    expect(hmacKey).not.toBe('');
    expect(rowOf(await installation.publish(body))).toEqual({ status: 200, insertedExposures: 1 });
  });

  it('transmissionRisk, symptomOnsetInterval, traveler, revisionToken and padding may be missing', async () => {
    const own = await installation.authority();
    const plain = own.phone.publishBody({ now, keys: makeKeys(now, 1) });
    expect(Object.keys(plain)).toEqual([
      'healthAuthorityID',
      'temporaryExposureKeys',
      'verificationPayload',
      'hmacKey',
    ]);
    await installation.publish(plain);
    expect(await storedBy(installation.database, own)).toMatchObject([{ traveler: false, transmission_risk: 2 }]);
  });

  it('padding is ignored, whatever it says', async () => {
    const told = await installation.publish({ ...authority.phone.publishBody({ now }), padding: '*'.repeat(30_000) });
    expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 3 });
  });
});
