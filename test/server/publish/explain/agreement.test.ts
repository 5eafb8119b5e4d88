/** The explanation and the publish agree, whatever is sent. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertAuthority, type Authority } from '../../../support/authority.ts';
import { makeKeys, type PhoneKey, type PublishBody } from '../../../support/phone.ts';
import { makePublisher, now, storedRows, type Publisher } from '../publisher.ts';
import { makeExplainer, publishJson } from './explainer.ts';

const current = Math.floor(now.getTime() / 600_000);
const seconds = Math.floor(now.getTime() / 1000);

let publisher: Publisher;
let authorities: readonly Authority[];
let held: Authority;
/** Keys that are stored, and the tokens that their publishes were answered with. */
let known: PhoneKey[];
let tokens: string[];

beforeAll(async () => {
  publisher = await makePublisher();
  const { database } = publisher;
  const lenient = { bypassCertificate: true, bypassRevisionToken: true };
  authorities = [
    publisher.authority,
    await insertAuthority(database, {
      issuer: 'https://b.example',
      audience: 'b',
      kid: 'b1',
      appId: 'org.b',
      ...lenient,
    }),
    await insertAuthority(database, {
      issuer: 'https://c.example',
      audience: 'c',
      kid: 'c1',
      appId: 'org.c',
      validThru: now,
    }),
  ];
  held = await insertAuthority(database, {
    issuer: 'https://d.example',
    appId: 'org.d',
    kid: 'd1',
    isAuthorityHeld: true,
  });
  await insertAuthority(database, { issuer: 'https://e.example', appId: 'org.e', kid: 'e1', isAppHeld: true });
  known = makeKeys(now, 3);
  const first = await publisher.publish(publisher.body({ keys: known, reportType: 'likely' }));
  const second = await publisher.publish(publisher.body({ keys: makeKeys(now, 1) }));
  tokens = [first.revisionToken, second.revisionToken];
});

afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

/** Mostly the first, sometimes one of the others. */
function mostly<T>(usual: T, ...others: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    ...others.map((arbitrary) => ({ weight: 1, arbitrary })),
  );
}

const midnight = Math.floor(current / 144) * 144;
const sentKey: fc.Arbitrary<PhoneKey> = fc.record(
  {
    key: fc.oneof(
      {
        weight: 12,
        arbitrary: fc
          .uint8Array({ minLength: 16, maxLength: 16 })
          .map((bytes) => Buffer.from(bytes).toString('base64')),
      },
      { weight: 1, arbitrary: fc.constantFrom('', '!', 'AAAA', 'AAAAAAAAAAAAAAAAAAAAAA==') },
    ),
    rollingStartNumber: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 1, max: 13 }).map((days) => midnight - days * 144) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(midnight, current + 1, 0, 2 ** 31 - 1, midnight - 200, midnight - 20 * 144),
      },
    ),
    rollingPeriod: mostly(144, fc.constantFrom(0, 1, 145, -1)),
    transmissionRisk: mostly(0, fc.constantFrom(1, 8, 9, -1)),
  },
  { requiredKeys: ['key', 'rollingStartNumber', 'rollingPeriod'] },
);

interface Draft {
  readonly author: number;
  readonly keys: PhoneKey[];
  readonly usesKnown: boolean;
  readonly repeatsKey: boolean;
  readonly token: number;
  readonly reportType: string;
  readonly onset: number | undefined;
  readonly claims: Record<string, unknown>;
  readonly header: Record<string, unknown>;
  readonly change: Partial<PublishBody>;
  readonly damage: number;
}

const draft: fc.Arbitrary<Draft> = fc.record({
  author: mostly(0, fc.constantFrom(1, 2, 3)),
  keys: fc.array(sentKey, { minLength: 0, maxLength: 4 }),
  usesKnown: fc.boolean(),
  repeatsKey: mostly(false, fc.constant(true)),
  token: fc.constantFrom(-1, 0, 1, 2),
  reportType: fc.constantFrom('confirmed', 'likely', 'negative', 'user-report', 'confirmed', 'other'),
  onset: fc.option(
    fc.constantFrom(0, current, current - 1, midnight - 2000, midnight - 14 * 144, midnight - 28 * 144 - 1),
    { nil: undefined },
  ),
  claims: mostly<Record<string, unknown>>(
    {},
    fc.constantFrom(
      { iss: 'https://unknown.example' },
      { iss: 'https://d.example' },
      { iss: 'https://b.example', aud: 'b' },
      { aud: 'other' },
      { iat: seconds + 61 },
      { nbf: seconds + 61 },
      { exp: seconds - 61 },
      { exp: undefined },
      { iat: undefined },
      { exp: seconds + 90_000 },
      { symptomOnsetInterval: midnight - 144 },
      { tekmac: '!' },
      { tekmac: 'AAAA' },
      { exp: 1.5 },
    ),
  ),
  header: mostly<Record<string, unknown>>(
    {},
    fc.constantFrom({ alg: 'none' }, { alg: 'RS256' }, { kid: 'v9' }, { kid: undefined }, { kid: 7 }, { kid: 'b1' }),
  ),
  change: mostly<Partial<PublishBody>>(
    {},
    fc.constantFrom<Partial<PublishBody>>(
      { healthAuthorityID: 'org.unknown' },
      { healthAuthorityID: 'ORG.EXAMPLE.HEALTH' },
      { healthAuthorityID: 'org.b' },
      { healthAuthorityID: 'org.e' },
      { hmacKey: '!' },
      { hmacKey: 'AAAA' },
      { verificationPayload: '' },
      { verificationPayload: 'a.b.c' },
      { traveler: true },
    ),
  ),
  damage: mostly(-1, fc.nat({ max: 1_500 })),
});

/** A body as text; a damaged one has a byte replaced. */
function bodyOf({
  author,
  usesKnown,
  repeatsKey,
  token,
  reportType,
  onset,
  claims,
  header,
  change,
  damage,
  ...rest
}: Draft): string {
  const authority = authorities[author] ?? held;
  const own = repeatsKey ? [...rest.keys, ...rest.keys] : rest.keys;
  const revisionToken = [...tokens, 'bm8gdG9rZW4='][token];
  const body = authority.phone.publishBody({
    now,
    keys: usesKnown ? [...own, ...known] : own,
    reportType,
    claims,
    header,
    ...(onset === undefined ? {} : { symptomOnsetInterval: onset }),
    ...(revisionToken === undefined ? {} : { revisionToken }),
  });
  const json = JSON.stringify({ ...body, ...change });
  return damage < 0 ? json : `${json.slice(0, damage)}"${json.slice(damage + 1)}`;
}

describe('decision 18: for any request', () => {
  it(
    'the explanation’s verdict is what the publish answers, the first time and when it is repeated',
    { timeout: 300_000 },
    async () => {
      const explain = makeExplainer(publisher);
      const seen = new Set<string>();
      await fc.assert(
        fc.asyncProperty(draft, async (parts) => {
          const json = bodyOf(parts);
          for (const time of ['first', 'second']) {
            const before = await explain(json);
            const { steps, answer } = before;
            const { revised, isRepeated, ...told } = answer;
            const answered = await publishJson(publisher, json);
            seen.add(`${time} ${answered.code}`);
            expect(told).toEqual(answered);
            expect(revised >= 0 && (!isRepeated || time === 'second')).toBe(true);
            const end = steps.find(({ outcome }) => outcome === 'refused');
            expect(end?.code ?? '').toBe(answered.status === 200 ? '' : answered.code);
            expect(end?.lines[0] ?? '').toBe(answered.status === 200 ? '' : answered.error);
          }
        }),
        { numRuns: 250 },
      );
      for (const code of [
        '',
        'partial_failure',
        'bad_request',
        'missing_revision_token',
        'invalid_revision_token',
        'on_hold',
        'unknown_health_authority_id',
        'health_authority_verification_certificate_invalid',
      ]) {
        expect(seen).toContain(`first ${code}`);
      }
    },
  );

  it('the explanation writes nothing', async () => {
    const explain = makeExplainer(publisher);
    const before = await storedRows(publisher.database);
    const { answer } = await explain(publisher.body({ keys: makeKeys(now, 5) }));
    expect(answer).toMatchObject({ status: 200, inserted: 5 });
    expect(await storedRows(publisher.database)).toEqual(before);
    const { rows } = await publisher.database.query('select from health_authority_stats');
    const again = await explain(publisher.body({ keys: makeKeys(now, 5) }));
    expect(again.answer.isRepeated).toBe(false);
    expect((await publisher.database.query('select from health_authority_stats')).rows).toHaveLength(rows.length);
  });

  it('the explanation makes no data key where there is none', async () => {
    await using fresh = await makePublisher();
    const { steps, answer } = await makeExplainer(fresh)(fresh.body());
    expect(answer.status).toBe(200);
    expect(steps.find(({ name }) => name === 'data key of tokens')?.outcome).toBe('warning');
    expect((await fresh.database.query('select from revision_keys')).rows).toEqual([]);
  });
});
