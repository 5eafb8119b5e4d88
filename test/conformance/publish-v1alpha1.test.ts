import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, PublishJson } from '../gateway/support/gateway.ts';
import { now } from '../server/publish/publisher.ts';
import type { Authority } from '../support/authority.ts';
import { makeKeys, type PublishOptions } from '../support/phone.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation({ gateway: { hasV1Alpha1: true } });
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

/** Sends a body to `/`. */
async function send(body: object): Promise<Answer & { readonly json: PublishJson }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await installation.ask('/', { method: 'POST', headers, body: JSON.stringify(body) });
  expect(answer.headers['x-api-version']).toBe('v1alpha');
  expect(answer.headers['content-type']).toBe('application/json');
  return { ...answer, json: JSON.parse(answer.text) as PublishJson };
}

/** What an app of 2020 sends. */
function bodyOf({ phone }: Authority, regions: string[], options: Partial<PublishOptions> = {}) {
  const { healthAuthorityID, hmacKey, ...rest } = phone.publishBody({ now, ...options });
  return {
    ...rest,
    appPackageName: healthAuthorityID,
    hmackey: hmacKey,
    regions,
    platform: 'android',
    deviceVerificationPayload: 'proof',
  };
}

describe('reference 1.6', () => {
  it('stores the keys in the regions of the request', async () => {
    const authority = await installation.authority({ regions: ['AA', 'BB'] });
    const { status, json } = await send(bodyOf(authority, ['BB']));
    expect([status, json.insertedExposures]).toEqual([200, 3]);
    const rows = await storedBy(installation.database, authority);
    expect(rows.map((row) => [row.regions.join(), row.traveler])).toEqual(
      Array.from({ length: 3 }, () => ['BB', false]),
    );
  });

  it.each([
    [['AA', 'BB'], true],
    [['AA'], false],
    [[], false],
  ])('regions %j: traveler is %s, whatever the request says', async (regions, traveler) => {
    const authority = await installation.authority({ regions: ['AA', 'BB'] });
    await send({ ...bodyOf(authority, regions), traveler: !traveler });
    const rows = await storedBy(installation.database, authority);
    expect(rows.map((row) => row.traveler)).toEqual([traveler, traveler, traveler]);
    if (regions.length === 0) expect(rows[0]?.regions).toEqual(['AA', 'BB']);
  });

  it('an app without regions may write to any', async () => {
    const authority = await installation.authority({ regions: [] });
    expect((await send(bodyOf(authority, ['ZZ']))).status).toBe(200);
  });
});

describe('reference 1.7, v1alpha1', () => {
  it('token, number, error and padding are always there, warnings when there are some, a code never', async () => {
    const authority = await installation.authority();
    const midnight = Math.floor(now.getTime() / 86_400_000) * 144;
    const far = makeKeys(now, 15).slice(0, 1);
    const members = ['revisionToken', 'insertedExposures', 'error', 'padding'];
    const nothing = await send(bodyOf(authority, [], { keys: far, symptomOnsetInterval: midnight }));
    expect(Object.keys(nothing.json)).toEqual([...members, 'warnings']);
    expect(nothing.json).toMatchObject({ revisionToken: '', insertedExposures: 0, error: '' });
    const stored = await send(bodyOf(authority, []));
    expect(Object.keys(stored.json)).toEqual(members);
    expect(stored.json.revisionToken).not.toBe('');
    const inPart = makeKeys(now, 2).map((key, index) => (index === 0 ? { ...key, rollingPeriod: 0 } : key));
    const partial = await send(bodyOf(authority, [], { keys: inPart }));
    expect(Object.keys(partial.json)).toEqual(members);
    expect(partial.json.error).toMatch(/^1 error occurred:\n\t\* key 0 cannot be imported: /);
  });
});

describe('reference 1.9, v1alpha1', () => {
  it('#5 a region that is not the app’s is 401, named, without a code, before the certificate', async () => {
    const authority = await installation.authority({ regions: ['AA'] });
    const { status, json } = await send({ ...bodyOf(authority, ['AA', 'CC']), verificationPayload: '' });
    expect([status, json.code]).toEqual([401, undefined]);
    expect(json.error).toBe(
      `verifying allowed regions: app ${authority.phone.appId} tried to write to unauthorized region CC`,
    );
  });

  it.each<[string, (body: ReturnType<typeof bodyOf>) => object, number, RegExp]>([
    ['#1', () => [], 400, /^error unmarshalling API call, code: 400: invalid value "" at position 1$/],
    ['#3', (body) => ({ ...body, appPackageName: 'x' }), 401, /^unauthorized health authority: x$/],
    ['#7', (body) => ({ ...body, hmackey: '' }), 401, /HMAC mismatch/],
    ['#8', (body) => ({ ...body, temporaryExposureKeys: [] }), 401, /cannot calculate hmac on empty exposure keys$/],
  ])('%s has the status and the text of v1', async (_row, change, status, error) => {
    const authority = await installation.authority();
    const answer = await send(change(bodyOf(authority, [])));
    expect([answer.status, answer.json.code]).toEqual([status, undefined]);
    expect(answer.json.error).toMatch(error);
  });

  it('#10 known keys without a token are 400 without a code', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 1);
    await send(bodyOf(authority, [], { keys }));
    const { status, json } = await send(bodyOf(authority, [], { keys }));
    expect([status, json.code, json.error]).toEqual([400, undefined, 'no revision token, but sent existing keys']);
  });
});
