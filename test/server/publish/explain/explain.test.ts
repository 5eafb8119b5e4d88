/** What an operator reads in an explanation. */
import { createHash, createHmac, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertAuthority } from '../../../support/authority.ts';
import { hmacText, makeKeys, type PhoneKey, type PublishBody, type PublishOptions } from '../../../support/phone.ts';
import vectors from '../../../vectors/hmac.json' with { type: 'json' };
import { makePublisher, now, type Publisher } from '../publisher.ts';
import { linesOf, makeExplainer, namesOf } from './explainer.ts';

let publisher: Publisher;
let explain: ReturnType<typeof makeExplainer>;
const seconds = Math.floor(now.getTime() / 1000);

beforeAll(async () => {
  publisher = await makePublisher();
  explain = makeExplainer(publisher);
});

afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

/** A body whose `tekmac` is what `mac` makes of keys and secret. */
function bodyWith(
  mac: (keys: readonly PhoneKey[], secret: Buffer, hmacKey: string) => string,
  options: Partial<PublishOptions> = {},
): PublishBody {
  const keys = options.keys ?? keysWithSigns;
  const { hmacKey } = publisher.body();
  const tekmac = mac(keys, Buffer.from(hmacKey, 'base64'), hmacKey);
  const body = publisher.body({ ...options, keys, claims: { tekmac } });
  return { ...body, hmacKey };
}

/** Three days, out of order by text, by bytes and by language, with `+` and `/`. */
const midnight = Math.floor(seconds / 86_400) * 144;
const keysWithSigns: PhoneKey[] = [
  ['zzzzzzzzzzzzzzzzzzzzzA==', 2],
  ['+a+b/zzzzzzzzzzzzzzzzA==', 1],
  ['aZzzzzzzzzzzzzzzzzzzzA==', 4],
  ['Bzzzzzzzzzzzzzzzzzzzzg==', 3],
].map(([key, days]) => ({ key: String(key), rollingStartNumber: midnight - Number(days) * 144, rollingPeriod: 144 }));

const mac = (text: string, secret: Buffer) => createHmac('sha256', secret).update(text).digest('base64');
const lineOf = (k: PhoneKey, key = k.key) =>
  `${key}.${String(k.rollingStartNumber)}.${String(k.rollingPeriod)}.${String(k.transmissionRisk ?? 0)}`;
const sorted = (keys: readonly PhoneKey[]) => keys.toSorted((a, b) => (a.key < b.key ? -1 : 1));
const risky = keysWithSigns.map((key, index) => ({ ...key, transmissionRisk: index }));

describe('decision 18: for an HMAC that does not match, the explanation', () => {
  it.each(vectors.cases)('shows the exact text and value that were expected: $name', async (vector) => {
    const body = {
      ...publisher.body({ claims: { tekmac: 'AAAA' } }),
      hmacKey: vector.hmacKey,
      temporaryExposureKeys: vector.temporaryExposureKeys,
    };
    const lines = linesOf(await explain(body), 'certificate: HMAC');
    expect(lines).toContain(vector.text);
    for (const expected of vector.accepted) expect(lines.join('\n')).toContain(expected);
  });

  it.each<[string, string, (keys: readonly PhoneKey[], secret: Buffer, hmacKey: string) => string, PhoneKey[]?]>([
    [
      "the request's order",
      "took the keys in the request's order",
      (keys, secret) => mac(keys.map((k) => lineOf(k)).join(','), secret),
    ],
    [
      'URL-safe keys',
      'wrote the keys in URL-safe base64',
      (keys, secret) =>
        mac(
          sorted(keys)
            .map((k) => lineOf(k, Buffer.from(k.key, 'base64').toString('base64url')))
            .join(','),
          secret,
        ),
    ],
    [
      'hex keys',
      'wrote the keys in hex',
      (keys, secret) =>
        mac(
          sorted(keys)
            .map((k) => lineOf(k, Buffer.from(k.key, 'base64').toString('hex')))
            .join(','),
          secret,
        ),
    ],
    [
      'decoded bytes',
      "used the keys' decoded bytes",
      (keys, secret) =>
        createHmac('sha256', secret)
          .update(
            Buffer.concat(
              sorted(keys).flatMap((k, i) => [
                Buffer.from(i === 0 ? '' : ','),
                Buffer.from(k.key, 'base64'),
                Buffer.from(lineOf(k, '')),
              ]),
            ),
          )
          .digest('base64'),
    ],
    [
      'no 4th field',
      'left out the 4th field',
      (keys, secret) =>
        mac(
          sorted(keys)
            .map((k) => lineOf(k).replace(/\.\d$/, ''))
            .join(','),
          secret,
        ),
      risky,
    ],
    [
      'a made-up risk',
      'took a 4th field that the request does not send',
      (keys, secret) =>
        mac(
          sorted(keys)
            .map((k) => lineOf({ ...k, transmissionRisk: 2 }))
            .join(','),
          secret,
        ),
    ],
    [
      'another order of bytes',
      'sorted the keys without regard to case',
      (keys, secret) =>
        mac(
          keys
            .toSorted((a, b) => a.key.localeCompare(b.key, 'en'))
            .map((k) => lineOf(k))
            .join(','),
          secret,
        ),
    ],
    ['a line break', 'ended the text with a line break', (keys, secret) => mac(`${hmacText(keys)}\n`, secret)],
    [
      'a secret as text',
      'used the characters of hmacKey',
      (keys, _, hmacKey) => mac(hmacText(keys), Buffer.from(hmacKey)),
    ],
    [
      'a plain hash',
      'made a SHA-256 without a secret',
      (keys) => createHash('sha256').update(hmacText(keys)).digest('base64'),
    ],
    [
      'another hash',
      'used HMAC-SHA-512',
      (keys, secret) => createHmac('sha512', secret).update(hmacText(keys)).digest('base64'),
    ],
    [
      'hex',
      'wrote tekmac in hex',
      (keys, secret) => Buffer.from(mac(hmacText(keys), secret), 'base64').toString('hex'),
    ],
    [
      'a key too few',
      'had the certificate made without key 1',
      (keys, secret) => mac(hmacText(keys.toSpliced(1, 1)), secret),
    ],
  ])('names the mistake: %s', async (_, told, make, keys) => {
    const explanation = await explain(bodyWith(make, keys ? { keys } : {}));
    expect(namesOf(explanation, 'refused')).toEqual(['certificate: HMAC']);
    expect(linesOf(explanation, 'certificate: HMAC').at(-1)).toContain(told);
  });

  it('names two mistakes that were made together', async () => {
    const body = bodyWith((keys, secret) =>
      Buffer.from(mac(keys.map((k) => lineOf(k)).join(', '), secret), 'base64').toString('hex'),
    );
    const lines = linesOf(await explain(body), 'certificate: HMAC').slice(-4);
    expect(lines).toEqual([
      'this tekmac comes out when you',
      expect.stringContaining('request’s order'.replace('’', "'")),
      '- put spaces between the keys',
      '- wrote tekmac in hex; it is base64',
    ]);
  });

  it('says so when no usual mistake leads there', async () => {
    const lines = linesOf(await explain(bodyWith(() => Buffer.alloc(32, 1).toString('base64'))), 'certificate: HMAC');
    expect(lines.at(-1)).toContain('no usual mistake leads to this tekmac');
  });
});

describe('a certificate that is refused', () => {
  it('is looked at to its end, and the first fault is where the publish ends', async () => {
    const explanation = await explain(
      publisher.body({ claims: { aud: 'other', exp: seconds - 100, reportType: 'x' } }),
    );
    expect(namesOf(explanation, 'refused')).toEqual([
      'certificate: audience',
      'certificate: not ended',
      'certificate: report type',
    ]);
    expect(explanation.answer.error).toContain('audience mismatch');
    expect(linesOf(explanation, 'certificate: audience').at(-1)).toBe(
      'aud is "other", the authority\'s audience is "enmesh-sample"',
    );
    expect(namesOf(explanation, 'passed')).toContain('certificate: HMAC');
  });

  it('tells the clock, the leeway and the times', async () => {
    const lines = linesOf(await explain(publisher.body({ claims: { iat: seconds + 61 } })), 'certificate: begun');
    expect(lines.join('\n')).toContain(`iat ${String(seconds + 61)} (2026-03-15T13:48:31Z)`);
    expect(lines.join('\n')).toContain(`now ${String(seconds)} (2026-03-15T13:47:30Z), leeway 60 s`);
  });

  it('tells which keys the authority has, and which of them signed', async () => {
    await using other = await makePublisher({ validThru: now });
    const explanation = await makeExplainer(other)(other.body());
    expect(linesOf(explanation, 'certificate: key').at(-1)).toBe(
      '"v1" from 1970-01-01T00:00:00Z thru 2026-03-15T13:47:30Z',
    );
    expect(linesOf(explanation, 'certificate: signature').at(-1)).toContain('the signature was made with "v1"');
    const earlier = await makeExplainer(other)(other.body(), new Date(now.getTime() - 1000));
    expect(earlier.answer.status).toBe(200);
  });

  it('tells of a signature in DER, and shows the parts of what is no certificate', async () => {
    const body = publisher.body();
    const [header = '', claims = ''] = body.verificationPayload.split('.');
    const signature = sign('sha256', Buffer.from(`${header}.${claims}`), publisher.authority.privateKey);
    const der = { ...body, verificationPayload: `${header}.${claims}.${signature.toString('base64url')}` };
    expect(linesOf(await explain(der), 'certificate: signature').join('\n')).toContain('but in DER');
    const broken = await explain({ ...body, verificationPayload: `${header}.${claims}` });
    expect(linesOf(broken, 'certificate: form').join('\n')).toContain('it has 2 segments of 3');
    expect(linesOf(broken, 'certificate: form').join('\n')).toContain('ES256');
  });

  it('is a note where the app needs none', async () => {
    await insertAuthority(publisher.database, {
      issuer: 'https://lax.example',
      appId: 'org.lax',
      bypassCertificate: true,
    });
    const explanation = await explain({ ...publisher.body(), healthAuthorityID: 'org.lax', verificationPayload: '' });
    expect(explanation.answer).toMatchObject({ status: 200, inserted: 3 });
    expect(namesOf(explanation, 'warning')).toContain('certificate: form');
  });
});

describe('a body that cannot be read', () => {
  it('is shown around the position that the phone is told', async () => {
    const { steps, answer } = await explain('{"healthAuthorityID":"a",}');
    expect(answer).toMatchObject({ status: 400, code: 'bad_request' });
    expect(steps[0]?.lines).toEqual([
      'error unmarshalling API call, code: 400: malformed json at position 26',
      'at the mark: "{\\"healthAuthorityID\\":\\"a\\",▶}"',
    ]);
  });

  it('is shown at its end when it was cut', async () => {
    const { steps } = await explain('{"temporaryExposureKeys":[{"key":12,');
    expect(steps[0]?.lines).toEqual([
      'error unmarshalling API call, code: 400: malformed json',
      'it ends after 36 bytes, before its JSON is complete: was it cut?',
      'at the mark: "oraryExposureKeys\\":[{\\"key\\":12,▶"',
    ]);
  });

  it('is too large from the 64,001st byte', async () => {
    const body = { ...publisher.body(), padding: '' };
    const fitting = { ...body, padding: 'x'.repeat(64_000 - JSON.stringify(body).length) };
    expect((await explain(fitting)).answer.status).toBe(200);
    expect((await explain({ ...fitting, padding: `${fitting.padding}x` })).answer).toMatchObject({
      status: 413,
      code: 'bad_request',
    });
  });

  it('is asked for its route when it is of another kind', async () => {
    const { steps } = await explain({ ...publisher.body(), appPackageName: 'x', regions: ['AA'] });
    expect(steps[0]).toMatchObject({ outcome: 'warning' });
    expect(steps[0]?.lines.join('\n')).toContain('appPackageName belongs to POST /: was it sent there?');
  });
});

describe('the keys', () => {
  it('are told one by one: age, embargo, window, risk, days since onset', async () => {
    const [old, today] = makeKeys(now, 1).flatMap((key) => [
      key,
      { ...key, key: 'AAAAAAAAAAAAAAAAAAAAAA==', rollingStartNumber: midnight },
    ]);
    const ancient = { ...old!, key: 'AQAAAAAAAAAAAAAAAAAAAA==', rollingStartNumber: 0 };
    const explanation = await explain(publisher.body({ keys: [old!, today!, ancient, old!] }));
    expect(linesOf(explanation, 'key 0').join('\n')).toContain('left out silently');
    expect(linesOf(explanation, 'key 1')).toEqual([
      'valid 2955888 (2026-03-15T00:00:00Z) to 2956032 (2026-03-16T00:00:00Z)',
      'transmission risk 2 (sent 0, taken from the report type), 4 days since symptom onset',
      'in the window of 2026-03-16T01:00:00Z, because it is still valid now',
    ]);
    expect(linesOf(explanation, 'key 2')[0]).toContain('key 2 cannot be imported: key expires before minimum window');
    expect(linesOf(explanation, 'key 3').join('\n')).toContain('in the window of 2026-03-15T13:00:00Z');
    expect(explanation.answer).toMatchObject({ status: 200, code: 'partial_failure', inserted: 2 });
  });

  it('that are stored are told with the decision for each', async () => {
    const keys = makeKeys(now, 2);
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const missing = await explain(publisher.body({ keys }));
    expect(missing.answer).toMatchObject({ status: 400, code: 'missing_revision_token' });
    expect(linesOf(missing, 'stored keys').join('\n')).toContain('key 0 is known from');
    const revision = await explain(publisher.body({ keys, revisionToken }));
    expect(revision.answer).toMatchObject({ status: 200, inserted: 0, revised: 2 });
    expect(linesOf(revision, 'stored keys')[0]).toMatch(/likely: is revised$/);
    expect(linesOf(revision, 'revision token')[0]).toBe('it lists 2 keys');
  });

  it('of a request that was answered before are answered as then', async () => {
    const body = publisher.body({ keys: makeKeys(now, 2) });
    await publisher.publish(body);
    const explanation = await explain(body);
    expect(explanation.answer).toMatchObject({ status: 200, inserted: 2, isRepeated: true });
    expect(namesOf(explanation, 'refused')).toEqual([]);
  });
});
