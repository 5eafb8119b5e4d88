import { describe, expect, it } from 'vitest';
import { makeKeys } from '../../support/phone.ts';
import { makePublisher, now, refusalOf, storedRows } from './publisher.ts';

const midnight = Math.floor(now.getTime() / 86_400_000) * 144;

describe('an honest publish', () => {
  it('stores every key in the present window and answers with a token', async () => {
    await using publisher = await makePublisher({ regions: ['BB', 'aa', 'BB'] });
    const answer = await publisher.publish(publisher.body({ keys: makeKeys(now, 3), traveler: true }));
    expect(answer).toMatchObject({ inserted: 3, revised: 0, warnings: [], faults: [] });
    expect(answer.revisionToken).toMatch(/^[A-Za-z0-9+/]+=*$/);
    const rows = await storedRows(publisher.database);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({
      created_at: new Date('2026-03-15T13:00:00Z'),
      interval_start: midnight - 3 * 144,
      interval_count: 144,
      app_id: publisher.authority.appRowId,
      health_authority_id: publisher.authority.authorityRowId,
      report_type: 1,
      transmission_risk: 2,
      days_since_onset: 1,
      traveler: true,
      regions: ['AA', 'BB'],
      revised_at: null,
    });
  });

  it('matches the app id without case', async () => {
    await using publisher = await makePublisher({ appId: 'org.example.health' });
    expect(await publisher.publish({ ...publisher.body(), healthAuthorityID: 'ORG.Example.Health' })).toMatchObject({
      inserted: 3,
    });
  });

  it('holds a key that is still valid back until the window after its end', async () => {
    await using publisher = await makePublisher();
    const [ended, valid] = makeKeys(now, 2);
    const current = Math.floor(now.getTime() / 600_000);
    const keys = [
      { ...ended!, rollingStartNumber: midnight, rollingPeriod: current - midnight },
      { ...valid!, rollingStartNumber: midnight, rollingPeriod: 144 },
    ];
    await publisher.publish(publisher.body({ keys }));
    const rows = await storedRows(publisher.database);
    expect(new Map(rows.map((row) => [row.interval_count, row.created_at.toISOString()]))).toEqual(
      new Map([
        [current - midnight, '2026-03-15T13:00:00.000Z'],
        [144, '2026-03-16T01:00:00.000Z'],
      ]),
    );
  });

  it('stores the sound keys and says which were not', async () => {
    await using publisher = await makePublisher();
    const [a, b, c] = makeKeys(now, 3);
    const keys = [a!, { ...b!, rollingPeriod: 0 }, c!];
    const answer = await publisher.publish(publisher.body({ keys }));
    expect(answer.inserted).toBe(2);
    expect(answer.faults).toEqual(['key 1 cannot be imported: invalid interval count, 0, must be >= 1 && <= 144']);
    expect(await storedRows(publisher.database)).toHaveLength(2);
  });

  it('stores a key that is sent twice once', async () => {
    await using publisher = await makePublisher();
    const [key] = makeKeys(now, 1);
    expect(await publisher.publish(publisher.body({ keys: [key!, key!] }))).toMatchObject({ inserted: 1, faults: [] });
  });

  it('answers warnings alone when symptom onset leaves no key', async () => {
    await using publisher = await makePublisher({ settings: { maxSymptomOnsetDays: 1 } });
    const keys = makeKeys(now, 8).slice(0, 2);
    const answer = await publisher.publish(publisher.body({ keys }));
    expect(answer).toMatchObject({ inserted: 0, revisionToken: '', faults: [] });
    expect(answer.warnings).toHaveLength(2);
  });

  it('stores nothing and gives no token for a first negative report', async () => {
    await using publisher = await makePublisher();
    expect(await publisher.publish(publisher.body({ reportType: 'negative' }))).toMatchObject({
      inserted: 0,
      revisionToken: '',
      faults: [],
    });
    expect(await storedRows(publisher.database)).toEqual([]);
  });
});

describe('a publish is refused', () => {
  it('for an unknown app, whatever its id is made of', async () => {
    await using publisher = await makePublisher();
    for (const healthAuthorityID of ['org.example.other', '', 'org.example.health\0', '\ud800', 'x'.repeat(60_000)]) {
      expect(await refusalOf(publisher.publish({ ...publisher.body(), healthAuthorityID }))).toMatchObject({
        kind: 'unauthenticated',
        code: 'unknown_health_authority_id',
        message: `unauthorized health authority: ${healthAuthorityID.slice(0, 200)}${healthAuthorityID.length > 200 ? '…' : ''}`,
      });
    }
  });

  it('for an app on hold', async () => {
    await using publisher = await makePublisher({ isAppHeld: true });
    expect(await refusalOf(publisher.publish(publisher.body()))).toMatchObject({ kind: 'forbidden', code: 'on_hold' });
  });

  it('for a health authority on hold, also where the app needs no certificate', async () => {
    await using publisher = await makePublisher({ isAuthorityHeld: true, bypassCertificate: true });
    expect(await refusalOf(publisher.publish(publisher.body()))).toMatchObject({ kind: 'forbidden', code: 'on_hold' });
  });

  it('when no region is known', async () => {
    await using publisher = await makePublisher({ regions: [] });
    expect(await refusalOf(publisher.publish(publisher.body()))).toMatchObject({
      kind: 'internal',
      code: 'health_authority_missing_region_config',
      message: 'unknown health authority regions for org.example.health',
    });
  });

  it('when no key can be used, with the warnings', async () => {
    await using publisher = await makePublisher({ settings: { maxSymptomOnsetDays: 1 } });
    const keys = makeKeys(now, 8).slice(0, 2);
    keys[1] = { ...keys[1]!, rollingPeriod: 0 };
    expect(await refusalOf(publisher.publish(publisher.body({ keys })))).toMatchObject({
      kind: 'invalid',
      code: 'bad_request',
      message: expect.stringMatching(/^unable to read request data: 1 error occurred:\n\t\* key 1 /),
      details: [expect.stringMatching(/^key 0 symptom onset is too large/)],
    });
  });
});

describe('regions that the request names', () => {
  it('are used when the app may write there', async () => {
    await using publisher = await makePublisher({ regions: ['AA', 'BB'] });
    await publisher.publish(publisher.body(), { regions: ['bb'] });
    expect((await storedRows(publisher.database))[0]).toMatchObject({ regions: ['BB'] });
  });

  it('may be any where the app has none', async () => {
    await using publisher = await makePublisher({ regions: [] });
    await publisher.publish(publisher.body(), { regions: ['ZZ'] });
    expect((await storedRows(publisher.database))[0]).toMatchObject({ regions: ['ZZ'] });
  });

  it.each([
    [['AA'], 'CC'],
    [[], 'C\0'],
  ])('are refused when the app may not (app: %j)', async (regions, named) => {
    await using publisher = await makePublisher({ regions });
    expect(await refusalOf(publisher.publish(publisher.body(), { regions: [named] }))).toMatchObject({
      kind: 'unauthenticated',
      code: 'unauthorized_region',
      message: `verifying allowed regions: app org.example.health tried to write to unauthorized region ${named}`,
    });
  });
});

describe('an app that needs no certificate', () => {
  it('stores keys without report type and authority when the certificate does not hold', async () => {
    await using publisher = await makePublisher({ bypassCertificate: true });
    const answer = await publisher.publish({ ...publisher.body(), verificationPayload: '' });
    expect(answer.inserted).toBe(3);
    expect((await storedRows(publisher.database))[0]).toMatchObject({
      report_type: 0,
      transmission_risk: 0,
      health_authority_id: null,
    });
  });

  it('has the claims of a certificate that holds', async () => {
    await using publisher = await makePublisher({ bypassCertificate: true });
    await publisher.publish(publisher.body({ reportType: 'likely' }));
    expect((await storedRows(publisher.database))[0]).toMatchObject({ report_type: 2, transmission_risk: 4 });
  });

  it('is told that a request without keys has none', async () => {
    await using publisher = await makePublisher({ bypassCertificate: true });
    expect(await refusalOf(publisher.publish(publisher.body({ keys: [] })))).toMatchObject({
      code: 'bad_request',
      message: 'unable to read request data: no exposure keys in publish request',
    });
  });
});
