import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authority } from '../support/authority.ts';
import { hmacText, makeKeys, makePhone, type PhoneKey } from '../support/phone.ts';
import { now } from '../server/publish/publisher.ts';
import { es256, rawBody, segment, type RawParts } from './support/certificate.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';
import { rowOf } from './support/told.ts';

const iat = Math.floor(now.getTime() / 1000);
let installation: Installation;
let authority: Authority;
let other: Authority;

beforeAll(async () => {
  installation = await startInstallation();
  authority = await installation.authority();
  other = await installation.authority({ kid: 'other-v1' });
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

/** What follows the fixed beginning of the refusal; `accepted` when there is none. */
async function reason(body: object): Promise<string> {
  const told = await installation.publish(body);
  if (told.status === 200) return 'accepted';
  const { error = '', ...row } = rowOf(told);
  expect(row).toEqual({ status: 401, code: 'health_authority_verification_certificate_invalid' });
  const [, ...rest] = error.split(/^unable to validate diagnosis verification: /);
  return rest.join('');
}

async function reasonOf(parts: RawParts): Promise<string> {
  return await reason(rawBody(authority, now, parts));
}

/** Claims whose JSON is the usual one with some values replaced by JSON text. */
function claims(changes: Readonly<Record<string, string | undefined>>): RawParts {
  return {
    claims: (usual) => {
      const all: Record<string, string | undefined> = {
        ...Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, JSON.stringify(value)])),
        ...changes,
      };
      const members = Object.entries(all).flatMap(([name, json]) =>
        json === undefined ? [] : [`${JSON.stringify(name)}:${json}`],
      );
      return `{${members.join()}}`;
    },
  };
}

const segments = 'token contains an invalid number of segments';
const inactive = 'no active public keys for health authority';
const forged = 'crypto/ecdsa: verification error';

describe('reference 3.1: segments', () => {
  it.each([
    ['', segments],
    ['a', segments],
    ['a.b', segments],
    ['a.b.c.d', segments],
    ['Bearer e30.e30.', "tokenstring should not contain 'bearer '"],
    ['e30=.e30.', 'illegal base64 data at input byte 3'],
    ['!.e30.', 'illegal base64 data at input byte 0'],
    ['e30.e3!.', 'illegal base64 data at input byte 2'],
    ['e30.e.', 'illegal base64 data at input byte 0'],
    ['e30.e+0.', 'illegal base64 data at input byte 1'],
  ])('%j: %s', async (verificationPayload, text) => {
    expect(await reason({ ...rawBody(authority, now), verificationPayload })).toBe(text);
  });

  it('CR and LF inside a segment do not count, but are signed', async () => {
    const body = rawBody(authority, now);
    const [header = '', payload = ''] = body.verificationPayload.split('.');
    const input = `${header.slice(0, 3)}\r\n${header.slice(3)}.${payload}\n`;
    const signature = es256(authority.privateKey)(input).toString('base64url');
    const broken = { ...body, verificationPayload: `${input}.${signature.slice(0, 9)}\n${signature.slice(9)}` };
    expect(await reason(broken)).toBe('accepted');
  });
});

describe('reference 3.1: header', () => {
  it.each([
    ['no JSON', '{', 'header must be a JSON object'],
    ['bytes after the JSON', '{"alg":"ES256","kid":"v1"} x', 'header must be a JSON object'],
    ['a list', '["ES256"]', 'header must be a JSON object'],
    ['no alg', '{"kid":"v1"}', 'signing method (alg) is unspecified.'],
    ['an alg that is no text', '{"alg":1,"kid":"v1"}', 'signing method (alg) is unspecified.'],
    ['an unknown alg', '{"alg":"XX256","kid":"v1"}', 'signing method (alg) is unavailable.'],
    ['alg in lower case', '{"alg":"es256","kid":"v1"}', 'signing method (alg) is unavailable.'],
    ['ALG in upper case', '{"ALG":"ES256","kid":"v1"}', 'signing method (alg) is unspecified.'],
    ['another alg', '{"alg":"ES384","kid":"v1"}', 'unsupported signing method, must be ES256'],
    [
      'alg given twice, the last one wrong',
      '{"alg":"ES256","alg":"RS256","kid":"v1"}',
      'unsupported signing method, must be ES256',
    ],
    ['no kid', '{"alg":"ES256"}', "missing required header field, 'kid' indicating key id"],
    ['a kid that is no text', '{"alg":"ES256","kid":1}', inactive],
    ['a kid in another case', '{"alg":"ES256","kid":"V1"}', inactive],
    ['any typ', '{"alg":"ES256","kid":"v1","typ":7}', 'accepted'],
    ['no typ', '{"alg":"ES256","kid":"v1"}', 'accepted'],
    ['crit', '{"alg":"ES256","kid":"v1","crit":["exp","b64"],"b64":false}', 'accepted'],
  ])('with %s', async (_what, header, text) => {
    expect(await reasonOf({ header })).toBe(text);
  });
});

describe('reference 3.1: claims', () => {
  const integer = (name: string) => `claim "${name}" must be an integer`;
  const unsigned = 'claim "symptomOnsetInterval" must be an unsigned 32-bit integer';

  it.each<[string, RawParts, string]>([
    ['no JSON', { claims: () => '{"iss":' }, 'claims must be a JSON object'],
    ['a list', { claims: () => '[]' }, 'claims must be a JSON object'],
    ['an aud list', claims({ aud: '["enmesh-sample"]' }), 'claim "aud" must be a string'],
    ['a number as iss', claims({ iss: '1' }), 'claim "iss" must be a string'],
    ['a number as sub', claims({ sub: '1' }), 'claim "sub" must be a string'],
    ['a number as jti', claims({ jti: '1' }), 'claim "jti" must be a string'],
    ['exp with a fraction', claims({ exp: `${String(iat + 900)}.0` }), integer('exp')],
    ['exp with an exponent', claims({ exp: '1e9' }), integer('exp')],
    ['exp as text', claims({ exp: `"${String(iat + 900)}"` }), integer('exp')],
    ['iat with a fraction', claims({ iat: `${String(iat)}.0` }), integer('iat')],
    ['nbf with an exponent', claims({ nbf: '1E0' }), integer('nbf')],
    ['a number as reportType', claims({ reportType: '1' }), 'claim "reportType" must be a string'],
    ['a number as tekmac', claims({ tekmac: '1' }), 'claim "tekmac" must be a string'],
    ['a negative onset', claims({ symptomOnsetInterval: '-1' }), unsigned],
    ['an onset as text', claims({ symptomOnsetInterval: '"1"' }), unsigned],
    ['an onset beyond 32 bits', claims({ symptomOnsetInterval: '4294967296' }), unsigned],
    ['an onset with a fraction', claims({ symptomOnsetInterval: '2.0' }), unsigned],
    ['the largest onset', claims({ symptomOnsetInterval: '4294967295' }), 'accepted'],
    ['null where nothing is needed', claims({ nbf: 'null', sub: 'null', symptomOnsetInterval: 'null' }), 'accepted'],
    ['unknown claims', claims({ trisk: '[{}]', testDateInterval: '"x"', phonehash: '1', x: '[[]]' }), 'accepted'],
    ['bytes after the JSON', { claims: (usual) => `${JSON.stringify(usual)} {"iss":"x"} x` }, 'accepted'],
    ['white space before the JSON', { claims: (usual) => ` \n${JSON.stringify(usual)}` }, 'accepted'],
  ])('with %s', async (_what, parts, text) => {
    expect(await reasonOf(parts)).toBe(text);
  });

  it.each<[string, (name: string) => string]>([
    ['upper case', (name) => name.toUpperCase()],
    ['lower case', (name) => name.toLowerCase()],
    ['U+017F for s', (name) => name.replaceAll('s', '\u017f')],
    ['U+212A for k', (name) => name.replaceAll('k', '\u212a')],
  ])('are matched without case: %s', async (_how, rename) => {
    const parts: RawParts = {
      claims: (usual) =>
        JSON.stringify(Object.fromEntries(Object.entries(usual).map(([name, value]) => [rename(name), value]))),
    };
    expect(await reasonOf(parts)).toBe('accepted');
  });

  it('given twice: the last one counts, whatever its case', async () => {
    const twice = (before: string, after: string): RawParts => ({
      claims: (usual) => `{${before}${JSON.stringify(usual).slice(1, -1)}${after}}`,
    });
    expect(await reasonOf(twice('"reportType":"x","ISS":"x",', ''))).toBe('accepted');
    expect(await reasonOf(twice('', ',"REPORTTYPE":"x"'))).toBe('invalid report type: "x"');
    expect(await reasonOf(twice('', ',"iss":"x"'))).toBe('issuer not found: x');
    expect(await reasonOf(twice('', ',"Exp":null'))).toBe('accepted');
    expect(await reasonOf(twice('"aud":["x"],', ''))).toBe('claim "aud" must be a string');
  });

  it('with a NUL in iss name an unknown issuer, not a failure', async () => {
    const nul = `${authority.phone.issuer}\0`;
    expect(await reasonOf(claims({ iss: JSON.stringify(nul) }))).toBe(`issuer not found: ${nul}`);
  });
});

describe('reference 3.1: signature', () => {
  const der = (input: string) => sign('sha256', Buffer.from(input), authority.privateKey);
  /** n - s verifies as well as s does. */
  const highS = (input: string): Buffer => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const raw = es256(authority.privateKey)(input);
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const high = s > order / 2n ? s : order - s;
    return Buffer.concat([raw.subarray(0, 32), Buffer.from(high.toString(16).padStart(64, '0'), 'hex')]);
  };

  it('in DER is refused', async () => {
    expect(await reasonOf({ signer: der })).toBe(forged);
  });

  it('with a high s is accepted', async () => {
    expect(await reasonOf({ signer: highS })).toBe('accepted');
  });

  it.each([0, 63, 65, 128])('of %i bytes is refused', async (length) => {
    expect(await reasonOf({ signer: () => Buffer.alloc(length, 1) })).toBe(forged);
  });

  it('of zeros or of the group order is refused', async () => {
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
    expect(await reasonOf({ signer: () => Buffer.alloc(64) })).toBe(forged);
    expect(await reasonOf({ signer: () => Buffer.concat([order, order]) })).toBe(forged);
  });
});

describe('reference 3.2: each check, and which comes first', () => {
  /** A body with the faults of the given checks, the others sound. */
  function faulty(checks: readonly number[]): object {
    const has = (check: number): boolean => checks.includes(check);
    const header: Record<string, unknown> = { alg: has(3) ? 'none?' : has(4) ? 'RS256' : 'ES256' };
    if (!has(5)) header['kid'] = has(8) ? 'v9' : authority.phone.kid;
    const keys = has(15) ? [] : makeKeys(now, 1);
    const body = rawBody(authority, now, {
      header: JSON.stringify(header),
      keys,
      signer: has(11) ? () => Buffer.alloc(64, 1) : es256(authority.privateKey),
      claims: (usual) =>
        JSON.stringify({
          ...usual,
          ...(has(2) ? { aud: 1 } : {}),
          ...(has(6) ? { iss: 'https://nobody.example.org' } : {}),
          ...(has(7) && !has(2) ? { aud: 'nobody' } : {}),
          ...(has(10) ? { iat: iat + 61, exp: iat + 120 } : {}),
          ...(has(13) ? { reportType: 'x' } : {}),
          ...(has(14) ? { tekmac: '*' } : has(16) ? { tekmac: 'AAAA' } : {}),
        }),
    });
    const payload = has(1) ? 'x' : body.verificationPayload;
    return {
      ...body,
      verificationPayload: payload,
      ...(has(12) ? { healthAuthorityID: other.phone.appId } : {}),
    };
  }

  const order: readonly (readonly [number, string])[] = [
    [1, segments],
    [2, 'claim "aud" must be a string'],
    [3, 'signing method (alg) is unavailable.'],
    [4, 'unsupported signing method, must be ES256'],
    [5, "missing required header field, 'kid' indicating key id"],
    [6, 'issuer not found: https://nobody.example.org'],
    [7, 'audience mismatch for issuer: https://ha1.example.org (+nobody, -enmesh-sample)'],
    [8, inactive],
    [10, 'not valid yet (NBF or IAT) in the future'],
    [11, forged],
    [12, 'app org.example.app2 has not authorized health authority issuer: https://ha1.example.org'],
    [13, 'invalid report type: "x"'],
    [14, 'error decoding HMAC from claims: illegal base64 data at input byte 0'],
    [15, 'calculating expected HMAC: cannot calculate hmac on empty exposure keys'],
    [16, 'HMAC mismatch, publish request does not match disgnosis verification certificate'],
  ];

  it.each(order)('3.2 #%i alone: %s', async (check, text) => {
    expect(await reason(faulty([check]))).toBe(text);
  });

  // 3 and 4 are both the header's alg, 14 and 16 both the tekmac: one certificate cannot have both faults.
  const neighbours = order.slice(1).map(([check], index) => [order[index]![0], check, order[index]![1]] as const);
  it.each(neighbours.filter(([first]) => first !== 3))('3.2 #%i comes before #%i: %s', async (first, second, text) => {
    expect(await reason(faulty([first, second]))).toBe(text);
  });

  it('3.2 #3 and #4 come before #5, and all faults together tell the first', async () => {
    expect(await reason(faulty([3, 5]))).toBe('signing method (alg) is unavailable.');
    expect(await reason(faulty(order.map(([check]) => check)))).toBe(segments);
    expect(await reason(faulty(order.slice(1).map(([check]) => check)))).toBe('claim "aud" must be a string');
  });

  it('3.2 #9 a stored key that is no P-256 key is as none', async () => {
    const own = await installation.authority();
    await installation.database.query(
      `update health_authority_keys set public_key_pem = 'broken' where health_authority_id = $1`,
      [own.authorityRowId],
    );
    expect(await reason(own.phone.publishBody({ now }))).toBe(inactive);
  });

  it('3.2 #14 the claim comes before the request’s secret', async () => {
    const body = rawBody(authority, now, claims({ tekmac: '"*"' }));
    expect(await reason({ ...body, hmacKey: '!' })).toMatch(/^error decoding HMAC from claims/);
    expect(await reason({ ...rawBody(authority, now), hmacKey: 'AA!' })).toBe(
      'error decoding HMAC secret from publish request: illegal base64 data at input byte 2',
    );
  });

  it.each([
    [-1_000, null, 'accepted'],
    [0, null, inactive],
    [1_000, null, inactive],
    [-1_000, 1_000, 'accepted'],
    [-1_000, 0, inactive],
  ])('3.2 #8 a key from %i ms to %s ms off the present: %s', async (from, thru, text) => {
    const own = await installation.authority({
      validFrom: new Date(now.getTime() + from),
      validThru: thru === null ? null : new Date(now.getTime() + thru),
    });
    expect(await reason(own.phone.publishBody({ now }))).toBe(text);
  });

  it('3.2 #11 what lies in the future is told before a bad signature, what is past after it', async () => {
    const phone = makePhone({ ...authority.phone, privateKey: other.privateKey });
    const future = { iat: iat + 61, exp: iat - 900 };
    expect(await reason(phone.publishBody({ now, claims: future }))).toBe('not valid yet (NBF or IAT) in the future');
    expect(await reason(phone.publishBody({ now, claims: { nbf: iat + 61 } }))).toMatch(/^not valid yet/);
    expect(await reason(phone.publishBody({ now, claims: { iat: iat - 900, exp: iat - 61 } }))).toBe(forged);
  });

  it.each([
    [61, '1m1s'],
    [3_599, '59m59s'],
    [3_600, '1h0m0s'],
    [90_061, '25h1m1s'],
  ])('3.2 #11 a certificate that ended %i s ago is expired by %s', async (late, text) => {
    const past = { iat: iat - late - 100, exp: iat - late };
    expect(await reason(authority.phone.publishBody({ now, claims: past }))).toBe(`token is expired by ${text}`);
  });

  it.each(['confirmed', 'likely', 'negative', 'user-report'])('3.2 #13 %s is a report type', async (reportType) => {
    expect(await reason(authority.phone.publishBody({ now, reportType }))).toBe('accepted');
  });

  it.each(['', 'Confirmed', 'selfreport', 'none', '__proto__'])('3.2 #13 %j is none', async (reportType) => {
    expect(await reason(authority.phone.publishBody({ now, reportType }))).toBe(`invalid report type: "${reportType}"`);
  });
});

describe('reference 3.3: what the claims do', () => {
  it.each([
    ['confirmed', 1, 2],
    ['likely', 2, 4],
    ['user-report', 3, 0],
  ])('%s is stored on each key with its risk and its authority', async (reportType, code, risk) => {
    const own = await installation.authority();
    await installation.publishBy(own, { reportType });
    expect(await storedBy(installation.database, own)).toMatchObject(
      Array.from({ length: 3 }, () => ({
        report_type: code,
        transmission_risk: risk,
        health_authority_id: own.authorityRowId,
      })),
    );
  });

  it('the claimed onset counts only without one in the request', async () => {
    const [first, second] = [await installation.authority(), await installation.authority()];
    const day = Math.floor(iat / 86_400) * 144;
    const keys = makeKeys(now, 1);
    const claimed = { claims: { symptomOnsetInterval: day - 3 * 144 } };
    await installation.publishBy(first, { keys, ...claimed });
    await installation.publishBy(second, { keys: makeKeys(now, 1), ...claimed, symptomOnsetInterval: day - 2 * 144 });
    expect((await storedBy(installation.database, first))[0]?.days_since_onset).toBe(2);
    expect((await storedBy(installation.database, second))[0]?.days_since_onset).toBe(1);
  });
});

interface HmacVector {
  readonly name: string;
  readonly hmacKey: string;
  readonly temporaryExposureKeys: (PhoneKey & { transmissionRisk: number })[];
  readonly accepted: string[];
  readonly refused: string[];
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/hmac.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly HmacVector[];
};
const mismatch = 'HMAC mismatch, publish request does not match disgnosis verification certificate';

describe('reference 3.4, 3.6: the HMAC', () => {
  it.each(vectors.cases)('vector: $name', async ({ hmacKey, temporaryExposureKeys: keys, accepted, refused }) => {
    const answer = async (tekmac: string) =>
      await reason({ ...authority.phone.publishBody({ now, keys, claims: { tekmac } }), hmacKey });
    for (const tekmac of refused) expect(await answer(tekmac)).toBe(mismatch);
    for (const tekmac of accepted) {
      // The vectors' keys are years old: what holds is refused for that alone.
      const told = await installation.publish({
        ...authority.phone.publishBody({ now, keys, claims: { tekmac } }),
        hmacKey,
      });
      expect([told.status, told.said.code]).toEqual([400, 'bad_request']);
      expect(told.said.error).toContain('key expires before minimum window');
    }
  });

  it.each([
    [
      'the secret in URL-safe base64 without padding',
      (text: string) => Buffer.from(text, 'base64').toString('base64url'),
    ],
    ['the secret over-padded', (text: string) => `${text.replace(/=+$/, '')}=====`],
    ['line breaks in the secret', (text: string) => `${text.slice(0, 5)}\r\n${text.slice(5)}`],
  ])('takes %s (3.5)', async (_what, spell) => {
    const body = authority.phone.publishBody({ now });
    expect(await reason({ ...body, hmacKey: spell(body.hmacKey) })).toBe('accepted');
  });

  it.each([
    ['URL-safe', (text: string) => text.replaceAll('+', '-').replaceAll('/', '_')],
    ['unpadded', (text: string) => text.replace(/=+$/, '')],
    ['over-padded', (text: string) => `${text}==`],
  ])('a tekmac may be %s (3.5)', async (_what, spell) => {
    const parts: RawParts = { claims: (usual) => JSON.stringify({ ...usual, tekmac: spell(String(usual['tekmac'])) }) };
    expect(await reasonOf(parts)).toBe('accepted');
  });

  it('covers the key strings as they are spelled in this request, in any order', async () => {
    const spell: ((text: string) => string)[] = [
      (text) => text.replaceAll('+', '-').replaceAll('/', '_'),
      (text) => text.replace(/=+$/, ''),
      (text) => `${text}=`,
    ];
    const keys = makeKeys(now, 3).map((key, index) => ({ ...key, key: spell[index]!(key.key) }));
    const body = authority.phone.publishBody({ now, keys });
    expect(await reason({ ...body, temporaryExposureKeys: keys.toReversed() })).toBe('accepted');
    const plain = keys.map((key) => ({ ...key, key: Buffer.from(key.key, 'base64').toString('base64') }));
    expect(await reason({ ...body, temporaryExposureKeys: plain })).toBe(mismatch);
  });

  it('without the fourth field holds only while every risk is 0', async () => {
    const bound = (risks: readonly number[]) => {
      const keys = makeKeys(now, risks.length).map((key, index) => ({ ...key, transmissionRisk: risks[index]! }));
      const text = hmacText(keys).replaceAll(/\.\d+(?=,|$)/g, '');
      const tekmac = createHmac('sha256', 'secret').update(text).digest('base64');
      return { ...authority.phone.publishBody({ now, keys, claims: { tekmac } }), hmacKey: segment('secret') };
    };
    expect(await reason(bound([0, 0]))).toBe('accepted');
    expect(await reason(bound([0, 1]))).toBe(mismatch);
  });

  it('of a truncated, an empty or a longer MAC does not hold', async () => {
    for (const change of [(mac: string) => mac.slice(0, 20), () => '', (mac: string) => `AAAA${mac}`]) {
      const parts: RawParts = {
        claims: (usual) => JSON.stringify({ ...usual, tekmac: change(String(usual['tekmac'])) }),
      };
      expect(await reasonOf(parts)).toBe(mismatch);
    }
  });
});

describe('reference 3.5: base64', () => {
  it.each([
    ['A', 'illegal base64 data at input byte 0'],
    ['AAAAA', 'illegal base64 data at input byte 4'],
    ['AA=A', 'illegal base64 data at input byte 2'],
    ['AA A', 'illegal base64 data at input byte 2'],
    ['AAAA==\r\n', 'illegal base64 data at input byte 4'],
    ['AA\u00e9A', 'illegal base64 data at input byte 2'],
    ['A\n', 'illegal base64 data at input byte 1'],
  ])('%j is none', async (hmacKey, text) => {
    expect(await reason({ ...rawBody(authority, now), hmacKey })).toBe(
      `error decoding HMAC secret from publish request: ${text}`,
    );
  });

  it('with bits left over is taken as what comes before them', async () => {
    const keys = makeKeys(now, 1);
    const tekmac = createHmac('sha256', 'f').update(hmacText(keys)).digest('base64');
    const body = authority.phone.publishBody({ now, keys, claims: { tekmac } });
    expect(await reason({ ...body, hmacKey: 'Zh==' })).toBe('accepted');
  });
});

describe('an attack', () => {
  const alg = (name: string) => JSON.stringify({ alg: name, kid: 'v1' });

  it('alg none, with and without a signature, is refused', async () => {
    for (const name of ['none', 'None', 'NONE', 'nOnE']) {
      for (const signer of [() => Buffer.alloc(0), es256(authority.privateKey)]) {
        expect(await reasonOf({ header: alg(name), signer })).toMatch(/^unsupported signing method|is unavailable\.$/);
      }
    }
  });

  it('HS256 with the public key as the secret, in each of its spellings, is refused', async () => {
    const { publicKey } = authority;
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'pem' }).toString().trim(),
      publicKey.export({ type: 'spki', format: 'der' }),
    ];
    for (const secret of secrets) {
      const signer = (input: string) => createHmac('sha256', secret).update(input).digest();
      expect(await reasonOf({ header: alg('HS256'), signer })).toBe('unsupported signing method, must be ES256');
      expect(await reasonOf({ signer: (input) => Buffer.concat([signer(input), signer(input)]) })).toBe(forged);
    }
  });

  it('the kid of another authority is refused, and so is that authority’s signature', async () => {
    expect(await reasonOf({ header: JSON.stringify({ alg: 'ES256', kid: 'other-v1' }) })).toBe(inactive);
    expect(await reasonOf({ signer: es256(other.privateKey) })).toBe(forged);
  });

  it('a key that comes with the certificate is not believed', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const header = { alg: 'ES256', kid: 'v1', jwk: publicKey.export({ format: 'jwk' }), jku: 'https://evil.example' };
    expect(await reasonOf({ header: JSON.stringify(header), signer: es256(privateKey) })).toBe(forged);
  });

  it.each(['P-384', 'secp256k1'])('a signature on %s is refused', async (namedCurve) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    expect(await reasonOf({ signer: es256(privateKey) })).toBe(forged);
  });

  it('a certificate that is bound to other keys is refused', async () => {
    const body = rawBody(authority, now);
    expect(await reason({ ...body, temporaryExposureKeys: makeKeys(now, 1) })).toBe(mismatch);
  });

  it('a certificate of another app’s authority is refused', async () => {
    const body = { ...rawBody(authority, now), healthAuthorityID: other.phone.appId };
    expect(await reason(body)).toBe(
      `app ${other.phone.appId} has not authorized health authority issuer: ${authority.phone.issuer}`,
    );
  });

  it('a certificate that is replayed after its life is refused', async () => {
    await using own = await startInstallation();
    const issuer = await own.authority();
    const body = issuer.phone.publishBody({ now });
    expect((await own.publish(body)).status).toBe(200);
    own.clock.advance(961_000);
    expect((await own.publish(body)).said.error).toMatch(/: token is expired by 1m1s$/);
    const fresh = { ...body, temporaryExposureKeys: makeKeys(now, 3) };
    expect((await own.publish(fresh)).status).toBe(401);
  });

  it('a certificate with another payload under the same signature is refused', async () => {
    const body = rawBody(authority, now);
    const [header, payload = '', signature] = body.verificationPayload.split('.');
    const changed = Buffer.from(payload, 'base64url').toString().replace('confirmed', 'negative');
    expect(await reason({ ...body, verificationPayload: [header, segment(changed), signature].join('.') })).toBe(
      forged,
    );
  });

  it('a signature over a hash of another kind is refused', async () => {
    const signer = (input: string) =>
      sign('sha512', createHash('sha512').update(input).digest(), {
        key: authority.privateKey,
        dsaEncoding: 'ieee-p1363',
      });
    expect(await reasonOf({ signer })).toBe(forged);
  });
});
