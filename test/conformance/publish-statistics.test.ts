import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { now } from '../server/publish/publisher.ts';
import type { Authority, AuthorityOptions } from '../support/authority.ts';
import { makeKeys, type PublishOptions } from '../support/phone.ts';
import { statsToken } from '../support/statistics.ts';
import { startInstallation, type Installation } from './support/installation.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation();
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

const midnight = Math.floor(now.getTime() / 86_400_000) * 144;

/** An authority's counters that are not 0, by name; `tek 3` = oldest key of 3 days, `onset 5` = 5 days ago. */
async function counted(on: Installation, { authorityRowId }: Authority): Promise<Record<string, number>> {
  const { rows } = await on.database.query<{ counts: string[] }>(
    'select counts from health_authority_stats where health_authority_id = $1',
    [authorityRowId],
  );
  const names = ['unknown', 'android', 'ios', 'teks', 'revisions', 'missing onset'];
  for (let age = 0; age < 16; age++) names.push(`tek ${String(age)}`);
  for (let age = 0; age < 30; age++) names.push(`onset ${String(age)}`);
  const sums = names.map((name, slot) => [name, rows.reduce((sum, row) => sum + Number(row.counts[slot]), 0)] as const);
  return Object.fromEntries(sums.filter(([, sum]) => sum !== 0));
}

async function countedAfter(
  options: Partial<PublishOptions>,
  authorityOptions: AuthorityOptions = {},
): Promise<Record<string, number>> {
  const authority = await installation.authority(authorityOptions);
  await installation.publishBy(authority, options);
  return await counted(installation, authority);
}

const oldest = (days: number, count = 1) => makeKeys(now, days).slice(0, count);

describe('reference 7: collection', () => {
  it.each<[string, Partial<PublishOptions>, Record<string, number>]>([
    ['no onset', { keys: makeKeys(now, 3) }, { unknown: 1, teks: 3, 'tek 3': 1, 'missing onset': 1 }],
    [
      'an onset',
      { keys: makeKeys(now, 2), symptomOnsetInterval: midnight - 5 * 144 },
      { unknown: 1, teks: 2, 'tek 2': 1, 'onset 5': 1 },
    ],
    [
      'an onset of today',
      { keys: oldest(1), symptomOnsetInterval: midnight },
      { unknown: 1, teks: 1, 'tek 1': 1, 'onset 0': 1 },
    ],
    [
      'the oldest onset and a key of 14 days',
      { keys: oldest(14), symptomOnsetInterval: midnight - 28 * 144 },
      { unknown: 1, teks: 1, 'tek 14': 1, 'onset 28': 1 },
    ],
    [
      'a key of 15 days',
      { keys: oldest(15), symptomOnsetInterval: midnight - 10 * 144 },
      { unknown: 1, teks: 1, 'tek 15': 1, 'onset 10': 1 },
    ],
    [
      'a key of today',
      { keys: makeKeys(now, 1).map((key) => ({ ...key, rollingStartNumber: midnight })) },
      { unknown: 1, teks: 1, 'tek 0': 1, 'missing onset': 1 },
    ],
    ['a first negative', { reportType: 'negative' }, { unknown: 1, 'tek 3': 1, 'missing onset': 1 }],
  ])('%s', async (_what, options, counts) => {
    expect(await countedAfter(options)).toEqual(counts);
  });

  it('a key that began 16 days ago counts as 15 or more', async () => {
    const keys = makeKeys(now, 16).slice(0, 1);
    const reaching = keys.map((key) => ({ ...key, rollingStartNumber: midnight - 15 * 144 - 40 }));
    const counts = await countedAfter({ keys: reaching, symptomOnsetInterval: midnight - 10 * 144 });
    expect(counts).toEqual({ unknown: 1, teks: 1, 'tek 15': 1, 'onset 10': 1 });
  });

  it('a revision counts its keys and itself, and no ages', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 3);
    const first = await installation.publishBy(authority, { keys: keys.slice(1), reportType: 'likely' });
    await installation.publishBy(authority, { keys, revisionToken: first.revisionToken });
    expect(await counted(installation, authority)).toEqual({
      unknown: 2,
      teks: 5,
      revisions: 1,
      'tek 2': 1,
      'missing onset': 1,
    });
  });

  it.each<[string, Partial<PublishOptions>, AuthorityOptions]>([
    ['a publish without claims', { claims: { exp: 1 } }, { bypassCertificate: true }],
    ['a publish without a kept key', { keys: oldest(15), symptomOnsetInterval: midnight }, {}],
    ['a refused certificate', { reportType: 'x' }, {}],
    ['a refused overlap', { keys: [...oldest(2), ...oldest(2), ...oldest(2), ...oldest(2)] }, {}],
  ])('%s counts nothing', async (_what, options, authorityOptions) => {
    expect(await countedAfter(options, authorityOptions)).toEqual({});
  });

  it('decision 12: what is refused by the storage, repeated or changes nothing is not counted', async () => {
    const authority = await installation.authority();
    const body = authority.phone.publishBody({ now });
    const { revisionToken } = await installation.publish(body);
    const before = await counted(installation, authority);
    const keys = body.temporaryExposureKeys;
    expect((await installation.publish(body)).status).toBe(200);
    expect((await installation.publishBy(authority, { keys })).said.code).toBe('missing_revision_token');
    expect((await installation.publishBy(authority, { keys, revisionToken })).status).toBe(200);
    expect(await counted(installation, authority)).toEqual(before);
  });

  it('decision 12: publishes at the same time are all counted', async () => {
    const authority = await installation.authority();
    await Promise.all(Array.from({ length: 30 }, () => installation.publishBy(authority)));
    expect(await counted(installation, authority)).toMatchObject({ unknown: 30, teks: 90 });
  });
});

describe('reference 7: reading', () => {
  /** Sends a token to `/v1/stats`. */
  async function read(on: Installation, authorization: string | undefined, body = '{}') {
    const headers = {
      'content-type': 'application/json',
      ...(authorization === undefined ? {} : { authorization }),
    };
    const answer = await on.ask('/v1/stats', { method: 'POST', headers, body });
    expect(answer.headers).not.toHaveProperty('x-api-version');
    const { padding, ...json } = JSON.parse(answer.text) as { padding: string } & Record<string, unknown>;
    const bytes = Buffer.from(padding, 'base64').length;
    expect(bytes >= 2048 && bytes <= 3071).toBe(true);
    return { status: answer.status, ...json };
  }

  function bearer(on: Installation, { phone, privateKey }: Authority, claims: Record<string, unknown> = {}): string {
    return `Bearer ${statsToken({ now: on.clock.now(), privateKey, claims: { iss: phone.issuer, ...claims } })}`;
  }

  it('shows what phones published, in the shape that clients know', async () => {
    await using own = await startInstallation();
    const authority = await own.authority();
    for (let turn = 0; turn < 10; turn++) {
      const body = authority.phone.publishBody({ now, symptomOnsetInterval: midnight - 144 });
      await own.publish(body, { 'user-agent': turn < 4 ? 'Android' : turn < 6 ? 'iPhone' : '' });
    }
    expect(await read(own, bearer(own, authority))).toEqual({ status: 200 });
    own.clock.advance(3 * 86_400_000);
    const zeros = (count: number, at: number) => Array.from({ length: count }, (_, index) => (index === at ? 10 : 0));
    expect(await read(own, bearer(own, authority), '{"padding":"x"}')).toEqual({
      status: 200,
      days: [
        {
          day: '2026-03-15T00:00:00Z',
          publish_requests: { unknown: 4, android: 4, ios: 2 },
          total_teks_published: 30,
          requests_with_revisions: 0,
          tek_age_distribution: zeros(16, 3),
          onset_to_upload_distribution: zeros(30, 1),
          requests_missing_onset_date: 0,
        },
      ],
    });
  });

  it('decision 12: a day of nine publishes stays hidden for ever', async () => {
    await using own = await startInstallation();
    const authority = await own.authority();
    for (let turn = 0; turn < 9; turn++) await own.publishBy(authority);
    own.clock.advance(10 * 86_400_000);
    expect(await read(own, bearer(own, authority))).toEqual({ status: 200 });
  });

  it.each<[string, (authority: Authority) => string | undefined, string]>([
    ['no header', () => undefined, 'Authorization header is not in `Bearer <token>` format'],
    ['a lower-case prefix', () => 'bearer x', 'Authorization header is not in `Bearer <token>` format'],
    [
      'another audience',
      (authority) => bearer(installation, authority, { aud: 'x' }),
      'unauthorized, audience mismatch',
    ],
    [
      'an unknown issuer',
      (authority) => bearer(installation, authority, { iss: 'https://x.example' }),
      'unauthorized: issuer not found: https://x.example',
    ],
  ])('%s is 401 unauthorized', async (_what, make, error) => {
    const authority = await installation.authority();
    expect(await read(installation, make(authority))).toEqual({ status: 401, error, code: 'unauthorized' });
  });

  it.each([
    ['{', 'code: 400: malformed json'],
    ['{"padding":1}', 'code: 400: invalid value "padding" at position 12'],
  ])('the body %s is 400', async (body, text) => {
    const answer = await read(installation, undefined, body);
    expect(answer).toEqual({ status: 400, code: 'bad_request', error: `error unmarshalling API call, ${text}` });
  });
});
