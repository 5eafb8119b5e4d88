import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertAuthority, type Authority } from '../../support/authority.ts';
import { hmacText, makeKeys, makePhone, type PublishBody, type PublishOptions } from '../../support/phone.ts';
import { makePublisher, now, refusalOf, type Publisher } from './publisher.ts';

const iat = Math.floor(now.getTime() / 1000);
let publisher: Publisher;
let other: Authority;

beforeAll(async () => {
  publisher = await makePublisher();
  other = await insertAuthority(publisher.database, {
    issuer: 'https://other.example.org',
    audience: 'other',
    kid: 'other-v1',
    appId: 'org.example.other',
  });
});

afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

async function reasonFor(body: PublishBody): Promise<string> {
  const { kind, code, message } = await refusalOf(publisher.publish(body));
  expect({ kind, code }).toEqual({
    kind: 'unauthenticated',
    code: 'health_authority_verification_certificate_invalid',
  });
  const [start, reason] = message.split(/(?<=^unable to validate diagnosis verification: )/);
  expect(start).toBe('unable to validate diagnosis verification: ');
  return reason ?? '';
}

async function reasonWith(options: Partial<PublishOptions>): Promise<string> {
  return await reasonFor(publisher.body(options));
}

async function isAccepted(options: Partial<PublishOptions>): Promise<boolean> {
  const answer = await publisher.publish(publisher.body(options));
  return answer.inserted === 3;
}

/** Replaces the header and signs anew, as an attacker would. */
function resigned(body: PublishBody, header: object, signer: (input: string) => Buffer): PublishBody {
  const [, payload = ''] = body.verificationPayload.split('.');
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`;
  return { ...body, verificationPayload: `${input}.${signer(input).toString('base64url')}` };
}

describe('a forged certificate', () => {
  const bad = 'crypto/ecdsa: verification error';

  it.each(['none', 'HS256', 'RS256', 'PS256', 'ES384'])('that claims %s is refused', async (alg) => {
    const publicPem = publisher.authority.publicKey.export({ type: 'spki', format: 'pem' });
    const body = resigned(publisher.body(), { alg, kid: 'v1' }, (input) =>
      alg === 'none' ? Buffer.alloc(0) : createHmac('sha256', publicPem).update(input).digest(),
    );
    expect(await reasonFor(body)).toBe('unsupported signing method, must be ES256');
  });

  it.each([
    [{ kid: 'v1' }, 'signing method (alg) is unspecified.'],
    [{ alg: 256, kid: 'v1' }, 'signing method (alg) is unspecified.'],
    [{ alg: 'es256', kid: 'v1' }, 'signing method (alg) is unavailable.'],
    [{ alg: 'EdDSA', kid: 'v1' }, 'signing method (alg) is unavailable.'],
    [{ alg: 'ES256' }, "missing required header field, 'kid' indicating key id"],
    [{ alg: 'ES256', kid: 1 }, 'no active public keys for health authority'],
    [{ alg: 'ES256', kid: 'v2' }, 'no active public keys for health authority'],
    [{ alg: 'ES256', kid: 'other-v1' }, 'no active public keys for health authority'],
    [{ alg: 'ES256', kid: 'v1\0' }, 'no active public keys for health authority'],
  ])('with the header %j is refused', async (header, reason) => {
    expect(await reasonFor(resigned(publisher.body(), header, () => Buffer.alloc(64)))).toBe(reason);
  });

  it('signed with an HMAC of the public key under the right algorithm name is refused', async () => {
    const body = resigned(publisher.body(), { alg: 'ES256', kid: 'v1' }, (input) =>
      createHmac('sha512', 'public').update(input).digest(),
    );
    expect(await reasonFor(body)).toBe(bad);
  });

  it('signed by another key, or by the key of another authority, is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const key of [privateKey, other.privateKey]) {
      const phone = makePhone({ ...publisher.authority.phone, privateKey: key });
      expect(await reasonFor(phone.publishBody({ now }))).toBe(bad);
    }
  });

  it('with a DER signature is refused', async () => {
    const body = resigned(publisher.body(), { alg: 'ES256', kid: 'v1' }, (input) =>
      sign('sha256', Buffer.from(input), publisher.authority.privateKey),
    );
    expect(await reasonFor(body)).toBe(bad);
  });

  it.each([0, 63, 65])('with %i bytes of signature is refused', async (length) => {
    expect(await reasonFor(resigned(publisher.body(), { alg: 'ES256', kid: 'v1' }, () => randomBytes(length)))).toBe(
      bad,
    );
  });

  it('whose claims were changed after signing is refused', async () => {
    const body = publisher.body();
    const [header, payload = '', signature] = body.verificationPayload.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const changed = Buffer.from(JSON.stringify({ ...claims, reportType: 'likely' })).toString('base64url');
    expect(await reasonFor({ ...body, verificationPayload: [header, changed, signature].join('.') })).toBe(bad);
  });
});

describe('text that is no certificate', () => {
  const header = Buffer.from('{"alg":"ES256","kid":"v1"}').toString('base64url');
  const text = (json: string) => Buffer.from(json).toString('base64url');

  it.each([
    ['', 'token contains an invalid number of segments'],
    ['a.b', 'token contains an invalid number of segments'],
    ['a.b.c.d', 'token contains an invalid number of segments'],
    [`Bearer ${header}.e30.AA`, "tokenstring should not contain 'bearer '"],
    ['*.e30.AA', 'illegal base64 data at input byte 0'],
    [`${header}==.e30.AA`, `illegal base64 data at input byte ${String(header.length)}`],
    [`${text('[]')}.e30.AA`, 'header must be a JSON object'],
    [`${text('null')}.e30.AA`, 'header must be a JSON object'],
    [`${header}.${text('{')}.AA`, 'claims must be a JSON object'],
    [`${header}.${text('"x"')}.AA`, 'claims must be a JSON object'],
    [`${header}.${text('{"__proto__":{"iss":"https://verify.example.org"}}')}.AA`, 'issuer not found: '],
  ])('is refused with its fault: %j', async (verificationPayload, reason) => {
    expect(await reasonFor({ ...publisher.body(), verificationPayload })).toBe(reason);
  });
});

describe('the claims', () => {
  it.each([
    [{ aud: ['enmesh-sample'] }, 'claim "aud" must be a string'],
    [{ iss: 7 }, 'claim "iss" must be a string'],
    [{ sub: {} }, 'claim "sub" must be a string'],
    [{ jti: false }, 'claim "jti" must be a string'],
    [{ exp: String(iat + 900) }, 'claim "exp" must be an integer'],
    [{ exp: iat + 900.5 }, 'claim "exp" must be an integer'],
    [{ iat: 2 ** 53 }, 'claim "iat" must be an integer'],
    [{ nbf: [] }, 'claim "nbf" must be an integer'],
    [{ reportType: 1 }, 'claim "reportType" must be a string'],
    [{ tekmac: 1 }, 'claim "tekmac" must be a string'],
    [{ symptomOnsetInterval: -1 }, 'claim "symptomOnsetInterval" must be an unsigned 32-bit integer'],
    [{ symptomOnsetInterval: 2 ** 32 }, 'claim "symptomOnsetInterval" must be an unsigned 32-bit integer'],
    [{ symptomOnsetInterval: '1' }, 'claim "symptomOnsetInterval" must be an unsigned 32-bit integer'],
    [{ iss: 'https://verify.example.com' }, 'issuer not found: https://verify.example.com'],
    [{ iss: 'HTTPS://verify.example.org' }, 'issuer not found: HTTPS://verify.example.org'],
    [{ iss: 'https://verify.example.org\0' }, 'issuer not found: https://verify.example.org\0'],
    [{ iss: undefined }, 'issuer not found: '],
    [{ aud: 'x' }, 'audience mismatch for issuer: https://verify.example.org (+x, -enmesh-sample)'],
    [{ aud: undefined }, 'audience mismatch for issuer: https://verify.example.org (+, -enmesh-sample)'],
    [{ reportType: 'none' }, 'invalid report type: "none"'],
    [{ reportType: undefined }, 'invalid report type: ""'],
    [{ reportType: 'constructor' }, 'invalid report type: "constructor"'],
    [{ tekmac: '*' }, 'error decoding HMAC from claims: illegal base64 data at input byte 0'],
  ])('%j are refused', async (claims, reason) => {
    expect(await reasonWith({ claims })).toBe(reason);
  });

  it('are matched without case and may be null where they are not needed', async () => {
    const claims = { EXP: iat + 60, exp: undefined, Symptomonsetinterval: null, nbf: null, unknown: [1] };
    expect(await isAccepted({ claims })).toBe(true);
  });
});

describe('the times, with 60 s of leeway', () => {
  const notYet = 'not valid yet (NBF or IAT) in the future';

  it.each([
    { iat: iat + 60, exp: iat + 900 },
    { nbf: iat + 60 },
    { exp: iat - 60, iat: iat - 900 },
    { iat: iat - 85_500, exp: iat + 900 },
    { nbf: 0 },
  ])('%j are accepted', async (claims) => {
    expect(await isAccepted({ claims })).toBe(true);
  });

  it.each([
    [{ iat: iat + 61 }, notYet],
    [{ nbf: iat + 61 }, notYet],
    [{ nbf: iat + 61, exp: iat - 900, iat: iat - 1_800 }, notYet],
    [{ exp: iat - 61, iat: iat - 900 }, 'token is expired by 1m1s'],
    [{ exp: iat - 3_600, iat: iat - 3_700 }, 'token is expired by 1h0m0s'],
    [{ iat: iat - 85_501, exp: iat + 900 }, 'lifetime is too long, 24h0m1s, must be <= 24h0m0s'],
    [{ exp: undefined }, 'missing required claim: exp'],
    [{ iat: undefined }, 'missing required claim: iat'],
    [{ exp: null }, 'missing required claim: exp'],
  ])('%j are refused', async (claims, reason) => {
    expect(await reasonWith({ claims })).toBe(reason);
  });

  it('are named in the future even when the signature is bad, but not in the past', async () => {
    const phone = makePhone({ ...publisher.authority.phone, privateKey: other.privateKey });
    expect(await reasonFor(phone.publishBody({ now, claims: { iat: iat + 61 } }))).toBe(notYet);
    expect(await reasonFor(phone.publishBody({ now, claims: { exp: iat - 61, iat: iat - 900 } }))).toBe(
      'crypto/ecdsa: verification error',
    );
  });
});

describe('the binding', () => {
  const mismatch = 'HMAC mismatch, publish request does not match disgnosis verification certificate';

  it('to the app holds: another app may not use the certificate', async () => {
    const body = { ...publisher.body(), healthAuthorityID: 'ORG.example.other' };
    expect(await reasonFor(body)).toBe(
      'app org.example.other has not authorized health authority issuer: https://verify.example.org',
    );
  });

  it('to the keys holds, in every field', async () => {
    const body = publisher.body();
    const [first, ...rest] = body.temporaryExposureKeys;
    const changes = [
      { key: randomBytes(16).toString('base64') },
      { rollingStartNumber: first!.rollingStartNumber - 144 },
      { rollingPeriod: 143 },
      { transmissionRisk: 1 },
    ];
    for (const change of changes) {
      expect(await reasonFor({ ...body, temporaryExposureKeys: [{ ...first!, ...change }, ...rest] })).toBe(mismatch);
    }
    expect(await reasonFor({ ...body, temporaryExposureKeys: rest })).toBe(mismatch);
    expect(await reasonFor({ ...body, hmacKey: randomBytes(16).toString('base64') })).toBe(mismatch);
    expect(await reasonFor({ ...body, hmacKey: '*' })).toBe(
      'error decoding HMAC secret from publish request: illegal base64 data at input byte 0',
    );
  });

  it('covers the strings as sent, so that another spelling of the same bytes is refused', async () => {
    const body = publisher.body();
    const keys = body.temporaryExposureKeys.map((key) => ({ ...key, key: key.key.replace(/=+$/, '') }));
    expect(await reasonFor({ ...body, temporaryExposureKeys: keys })).toBe(mismatch);
    expect(await isAccepted({ keys })).toBe(true);
  });

  it('may leave the risk out when no key has one, and only then', async () => {
    const bodyWithoutRisk = (risk: number): PublishBody => {
      const keys = makeKeys(now, 3).map((key) => ({ ...key, transmissionRisk: risk }));
      const hmacKey = randomBytes(32);
      const text = hmacText(keys).replaceAll(/\.\d(?=,|$)/g, '');
      const tekmac = createHmac('sha256', hmacKey).update(text).digest('base64url');
      return { ...publisher.body({ keys, claims: { tekmac } }), hmacKey: hmacKey.toString('base64') };
    };
    expect(await publisher.publish(bodyWithoutRisk(0))).toMatchObject({ inserted: 3 });
    expect(await reasonFor(bodyWithoutRisk(1))).toBe(mismatch);
  });

  it('to no keys at all is refused', async () => {
    expect(await reasonWith({ keys: [] })).toBe(
      'calculating expected HMAC: cannot calculate hmac on empty exposure keys',
    );
  });
});

describe('a key of the authority', () => {
  it('counts from after its start until before its end', async () => {
    const verdicts: string[] = [];
    const second = 1_000;
    const spans: [number, number | null][] = [
      [-second, null],
      [0, null],
      [-second, second],
      [-second, 0],
    ];
    for (const [index, [from, thru]] of spans.entries()) {
      const { phone } = await insertAuthority(publisher.database, {
        issuer: `https://${String(index)}.example.org`,
        appId: `org.example.span${String(index)}`,
        validFrom: new Date(now.getTime() + from),
        validThru: thru === null ? null : new Date(now.getTime() + thru),
      });
      const answer = await publisher.publish(phone.publishBody({ now })).catch(() => undefined);
      verdicts.push(answer ? 'accepted' : 'refused');
    }
    expect(verdicts).toEqual(['accepted', 'refused', 'accepted', 'refused']);
  });

  it('that is no P-256 key is as good as none', async () => {
    const { authorityRowId, phone } = await insertAuthority(publisher.database, {
      issuer: 'https://broken.example.org',
      appId: 'org.example.broken',
    });
    await publisher.database.query(
      `update health_authority_keys set public_key_pem = 'broken' where health_authority_id = $1`,
      [authorityRowId],
    );
    expect(await reasonFor(phone.publishBody({ now }))).toBe('no active public keys for health authority');
  });
});
