import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeys } from '../support/phone.ts';
import { now } from '../server/publish/publisher.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';
import { rowOf } from './support/told.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation();
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

const hour = 3_600_000;
const midnight = Math.floor(now.getTime() / 86_400_000) * 144;

describe('reference 1.9', () => {
  it.each([
    ['400', '{', {}, 400, 'malformed json'],
    ['413', `{"padding":"${'x'.repeat(64_000)}"}`, {}, 413, 'http: request body too large'],
    ['415', '{}', { 'content-type': 'text/json' }, 415, 'content-type is not application/json'],
  ])('#1 a body that cannot be decoded is %s bad_request', async (_id, body, headers, status, text) => {
    const error = `error unmarshalling API call, code: ${String(status)}: ${text}`;
    expect(rowOf(await installation.publish(body, headers))).toEqual({ status, code: 'bad_request', error });
  });

  it.each(['no.such.app', 'No.Such.App', ''])('#3 an unknown app %j is named as it was sent', async (id) => {
    expect(rowOf(await installation.publish({ healthAuthorityID: id }))).toEqual({
      status: 401,
      code: 'unknown_health_authority_id',
      error: `unauthorized health authority: ${id}`,
    });
  });

  it('#4 (decision 2) an app that cannot be loaded is 500 internal_error, without a word of the database', async () => {
    await using own = await startInstallation();
    const authority = await own.authority();
    await own.database.query('alter table apps rename to apps_away');
    const { status, said, headers } = await own.publishBy(authority);
    expect({ status, code: said.code }).toEqual({ status: 500, code: 'internal_error' });
    expect(said.error).toBe('Internal Server Error');
    expect(headers['retry-after']).toBeUndefined();
  });

  it('#6 an app without a region is 500 health_authority_missing_region_config', async () => {
    const authority = await installation.authority({ regions: [] });
    expect(rowOf(await installation.publishBy(authority))).toEqual({
      status: 500,
      code: 'health_authority_missing_region_config',
      error: `unknown health authority regions for ${authority.phone.appId}`,
    });
  });

  it('#7 a certificate that does not hold is 401', async () => {
    const authority = await installation.authority();
    const body = { ...authority.phone.publishBody({ now }), verificationPayload: '' };
    expect(rowOf(await installation.publish(body))).toEqual({
      status: 401,
      code: 'health_authority_verification_certificate_invalid',
      error: 'unable to validate diagnosis verification: token contains an invalid number of segments',
    });
  });

  it('#8 a request without any key that can be used is 400, with its warnings', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 15);
    keys[1] = { ...keys[1]!, rollingPeriod: 0 };
    const sent = [keys[0]!, keys[1]];
    const symptomOnsetInterval = midnight;
    expect(rowOf(await installation.publishBy(authority, { keys: sent, symptomOnsetInterval }))).toEqual({
      status: 400,
      code: 'bad_request',
      error:
        'unable to read request data: 1 error occurred:\n\t* key 1 cannot be imported: ' +
        'invalid interval count, 0, must be >= 1 \u0026\u0026 <= 144\n\n',
      warnings: ['key 0 symptom onset is too large, 15 > 14 - saving without this key'],
    });
  });

  it.each([
    ['#9', 'AAAA', 'invalid_revision_token', 'revision token is invalid'],
    ['#10', '', 'missing_revision_token', 'no revision token, but sent existing keys'],
  ])('%s existing keys with the token %j are 400 with the warnings', async (_id, revisionToken, code, error) => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 15);
    await installation.publishBy(authority, { keys: keys.slice(10) });
    const again = { keys, revisionToken, symptomOnsetInterval: midnight - 1 };
    expect(rowOf(await installation.publishBy(authority, { keys }))).toMatchObject({ code: 'missing_revision_token' });
    expect(rowOf(await installation.publishBy(authority, { ...again, symptomOnsetInterval: midnight }))).toEqual({
      status: 400,
      code,
      error,
      warnings: ['key 0 symptom onset is too large, 15 > 14 - saving without this key'],
    });
    expect(await storedBy(installation.database, authority)).toHaveLength(5);
  });

  it('#11 a key that was revised to something else is 400 key_already_revised', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 1);
    const first = await installation.publishBy(authority, { keys, reportType: 'likely' });
    const { revisionToken } = await installation.publishBy(authority, { keys, revisionToken: first.revisionToken });
    expect(rowOf(await installation.publishBy(authority, { keys, revisionToken, reportType: 'negative' }))).toEqual({
      status: 400,
      code: 'key_already_revised',
      error: 'key was already revised',
    });
  });

  it('#12 a report type that cannot follow is 400 invalid_report_type_transition', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 1);
    const { revisionToken } = await installation.publishBy(authority, { keys });
    expect(rowOf(await installation.publishBy(authority, { keys, revisionToken, reportType: 'negative' }))).toEqual({
      status: 400,
      code: 'invalid_report_type_transition',
      error: 'invalid report type transition: cannot transition from "confirmed" to "negative"',
    });
  });

  it('#13 (decision 2) a storage that fails is 500 internal_error and stores nothing', async () => {
    await using own = await startInstallation();
    const authority = await own.authority();
    await own.database.query('alter table exposures rename to exposures_away');
    expect(rowOf(await own.publishBy(authority))).toEqual({
      status: 500,
      code: 'internal_error',
      error: 'Internal Server Error',
    });
  });

  it('#14 a publish that is stored is 200', async () => {
    const told = await installation.publishBy(await installation.authority());
    expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 3 });
    expect(told.revisionToken).not.toBe('');
  });

  it('#15 a publish that is stored in part is 200 partial_failure', async () => {
    const keys = makeKeys(now, 2);
    keys[0] = { ...keys[0]!, key: 'AA==' };
    const told = await installation.publishBy(await installation.authority(), { keys });
    expect(rowOf(told)).toEqual({
      status: 200,
      insertedExposures: 1,
      code: 'partial_failure',
      error: '1 error occurred:\n\t* key 0 cannot be imported: invalid key length, 1, must be 16\n\n',
    });
    expect(told.revisionToken).not.toBe('');
  });
});

describe('reference 2: what happens first', () => {
  it('the app comes before its regions, those before the certificate, that before the keys', async () => {
    const { appId } = (await installation.authority({ regions: [] })).phone;
    const wrongCertificate = { verificationPayload: 'x', temporaryExposureKeys: [] };
    const codes = [];
    for (const healthAuthorityID of ['no.such.app', appId]) {
      codes.push((await installation.publish({ ...wrongCertificate, healthAuthorityID })).said.code);
    }
    expect(codes).toEqual(['unknown_health_authority_id', 'health_authority_missing_region_config']);
  });

  it('an app is found whatever the case of its id', async () => {
    const authority = await installation.authority();
    const body = authority.phone.publishBody({ now });
    const upper = { ...body, healthAuthorityID: body.healthAuthorityID.toUpperCase() };
    expect(rowOf(await installation.publish(upper))).toEqual({ status: 200, insertedExposures: 3 });
  });

  it('no keys at all are named by the certificate, and by the keys only where the app needs none', async () => {
    const strict = await installation.authority();
    const free = await installation.authority({ bypassCertificate: true });
    expect((await installation.publishBy(strict, { keys: [] })).said.error).toMatch(
      /: calculating expected HMAC: cannot calculate hmac on empty exposure keys$/,
    );
    expect(rowOf(await installation.publishBy(free, { keys: [] }))).toEqual({
      status: 400,
      code: 'bad_request',
      error: 'unable to read request data: no exposure keys in publish request',
    });
  });

  it('too many keys are named after the certificate', async () => {
    const authority = await installation.authority();
    const keys = Array.from({ length: 31 }, () => makeKeys(now, 1)[0]!);
    const body = authority.phone.publishBody({ now, keys });
    const unbound = await installation.publish({ ...body, hmacKey: 'AA' });
    expect(unbound.said.code).toBe('health_authority_verification_certificate_invalid');
    expect((await installation.publish(body)).said.error).toBe(
      'unable to read request data: too many exposure keys in publish: 31, max of 30 is allowed',
    );
  });
});

describe('reference 2: severity', () => {
  it.each([
    ['bad base64', { key: '*' }, 'illegal base64 data at input byte 0'],
    ['wrong length', { key: 'AAAA' }, 'invalid key length, 3, must be 16'],
    ['bad rollingPeriod', { rollingPeriod: 145 }, 'invalid interval count, 145, must be >= 1 && <= 144'],
    [
      'too old',
      { rollingStartNumber: midnight - 16 * 144 },
      `key expires before minimum window; ${String(midnight - 16 * 144)} + 144 = ${String(midnight - 15 * 144)} ` +
        `which is too old, must be >= ${String(midnight - 15 * 144 + 82)}`,
    ],
    [
      'in the future',
      { rollingStartNumber: midnight + 83 },
      `interval number ${String(midnight + 83)} is in the future, must be <= ${String(midnight + 82)}`,
    ],
    ['bad transmissionRisk', { transmissionRisk: 9 }, 'invalid transmission risk: 9, must be >= 0 && <= 8'],
  ])('%s drops the key: 200 partial_failure', async (_what, change, text) => {
    const [first, second] = makeKeys(now, 2);
    const keys = [{ ...first!, ...change }, second!];
    expect(rowOf(await installation.publishBy(await installation.authority(), { keys }))).toEqual({
      status: 200,
      insertedExposures: 1,
      code: 'partial_failure',
      error: `1 error occurred:\n\t* key 0 cannot be imported: ${text}\n\n`,
    });
  });

  it('an onset too far away drops the key with a warning alone, even where nothing is left', async () => {
    const authority = await installation.authority();
    const told = await installation.publishBy(authority, {
      keys: makeKeys(now, 15).slice(0, 1),
      symptomOnsetInterval: midnight,
    });
    expect(rowOf(told)).toEqual({
      status: 200,
      warnings: ['key 0 symptom onset is too large, 15 > 14 - saving without this key'],
    });
    expect(told.revisionToken).toBe('');
  });

  it('an old token comes back refreshed where an onset leaves nothing', async () => {
    const authority = await installation.authority();
    const { revisionToken } = await installation.publishBy(authority);
    const sent = { keys: makeKeys(now, 15).slice(0, 1), symptomOnsetInterval: midnight, revisionToken };
    const told = await installation.publishBy(authority, sent);
    expect(Object.keys(told.said)).toEqual(['warnings']);
    expect(told.revisionToken).not.toBe('');
    expect(told.revisionToken).not.toBe(revisionToken);
  });

  it('a key that is there twice, a first negative, and an unchanged report type are dropped silently', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 1);
    const twice = await installation.publishBy(authority, { keys: [keys[0]!, keys[0]!] });
    expect(rowOf(twice)).toEqual({ status: 200, insertedExposures: 1 });
    const { revisionToken } = twice;
    expect(rowOf(await installation.publishBy(authority, { keys, revisionToken }))).toEqual({ status: 200 });
    const negative = await installation.publishBy(authority, { reportType: 'negative' });
    expect([rowOf(negative), negative.revisionToken]).toEqual([{ status: 200 }, '']);
  });

  it('a known key that the token does not list is dropped silently where that is allowed', async () => {
    await using partial = await startInstallation({ settings: { allowPartialRevisions: true } });
    const authority = await partial.authority();
    const keys = makeKeys(now, 2);
    await partial.publishBy(authority, { keys: keys.slice(0, 1), reportType: 'likely' });
    const { revisionToken } = await partial.publishBy(authority);
    expect(rowOf(await partial.publishBy(authority, { keys, revisionToken }))).toEqual({
      status: 200,
      insertedExposures: 1,
    });
    expect((await storedBy(partial.database, authority)).every((row) => row.revised_at === null)).toBe(true);
  });

  it('what is embargoed is no fault', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 1).map((key) => ({ ...key, rollingStartNumber: midnight }));
    expect(rowOf(await installation.publishBy(authority, { keys }))).toEqual({ status: 200, insertedExposures: 1 });
    const [row] = await storedBy(installation.database, authority);
    expect(row?.created_at.getTime()).toBe(midnight * 600_000 + 25 * hour);
  });
});
