import { describe, expect, it } from 'vitest';
import { makeKeys } from '../../support/phone.ts';
import { makePublisher, now, refusalOf, storedRows } from './publisher.ts';

describe('a revision', () => {
  it('keeps what was first said and adds what is said now', async () => {
    await using publisher = await makePublisher({ regions: ['AA', 'BB'] });
    const keys = makeKeys(now, 3);
    const first = publisher.body({ keys, reportType: 'likely' });
    const { revisionToken } = await publisher.publish(first, { regions: ['BB'] });
    publisher.clock.advance(2 * 3_600_000);
    const onset = keys[0]!.rollingStartNumber;
    const revision = publisher.body({ keys, revisionToken, symptomOnsetInterval: onset, traveler: true });
    const answer = await publisher.publish(revision, { regions: ['AA'] });
    expect(answer).toMatchObject({ inserted: 0, revised: 3, faults: [] });
    expect((await storedRows(publisher.database))[2]).toMatchObject({
      created_at: new Date('2026-03-15T13:00:00Z'),
      report_type: 2,
      transmission_risk: 4,
      days_since_onset: 3,
      traveler: false,
      regions: ['BB'],
      revised_at: new Date('2026-03-15T15:00:00Z'),
      revised_report_type: 1,
      revised_transmission_risk: 2,
      revised_days_since_onset: 2,
      revised_traveler: true,
      revised_regions: ['AA', 'BB'],
    });
  });

  it('never comes before the key itself, which waits for its window when it was still valid', async () => {
    await using publisher = await makePublisher();
    const noon = makeKeys(now, 1)[0]!;
    const keys = [{ ...noon, rollingStartNumber: noon.rollingStartNumber + 144, rollingPeriod: 84 }];
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    publisher.clock.advance(15 * 60_000);
    await publisher.publish(publisher.body({ keys, reportType: 'negative', revisionToken }));
    const stored = (await storedRows(publisher.database))[0];
    expect(stored).toMatchObject({
      created_at: new Date('2026-03-15T15:00:00Z'),
      revised_at: new Date('2026-03-15T15:00:00Z'),
    });
  });

  it('goes with new keys in one request, and its token lists both', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 3);
    const first = await publisher.publish(publisher.body({ keys: keys.slice(0, 2), reportType: 'user-report' }));
    const { revisionToken } = first;
    const second = await publisher.publish(publisher.body({ keys, reportType: 'likely', revisionToken }));
    expect(second).toMatchObject({ inserted: 1, revised: 2 });
    const rows = await storedRows(publisher.database);
    expect(rows.map((row) => [row.report_type, row.revised_report_type])).toEqual([
      [3, 2],
      [3, 2],
      [2, null],
    ]);
    const third = publisher.body({ keys: keys.slice(2), reportType: 'confirmed', revisionToken: second.revisionToken });
    expect(await publisher.publish(third)).toMatchObject({ inserted: 0, revised: 1 });
  });

  it('to negative is stored although a first negative is not', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 3);
    const { revisionToken } = await publisher.publish(publisher.body({ keys: keys.slice(1), reportType: 'likely' }));
    const answer = await publisher.publish(publisher.body({ keys, reportType: 'negative', revisionToken }));
    expect(answer).toMatchObject({ inserted: 0, revised: 2 });
    expect((await storedRows(publisher.database)).map((row) => row.revised_report_type)).toEqual([5, 5]);
  });

  it('with nothing to change writes nothing and keeps the token alive', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 2);
    const { revisionToken } = await publisher.publish(publisher.body({ keys }));
    const answer = await publisher.publish(publisher.body({ keys, revisionToken }));
    expect(answer).toMatchObject({ inserted: 0, revised: 0 });
    expect(answer.revisionToken).not.toBe('');
    expect((await storedRows(publisher.database)).map((row) => row.revised_at)).toEqual([null, null]);
  });

  it('needs no token where the app bypasses it, and takes the stored interval', async () => {
    await using publisher = await makePublisher({ bypassRevisionToken: true });
    const keys = makeKeys(now, 2);
    await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const moved = keys.map((key) => ({ ...key, rollingPeriod: 100 }));
    expect(await publisher.publish(publisher.body({ keys: moved }))).toMatchObject({ inserted: 0, revised: 2 });
    expect((await storedRows(publisher.database)).map((row) => row.interval_count)).toEqual([144, 144]);
    const again = refusalOf(publisher.publish(publisher.body({ keys, reportType: 'negative', revisionToken: '*' })));
    expect(await again).toMatchObject({ code: 'key_already_revised' });
  });

  it('leaves unlisted known keys out where partial revisions are allowed', async () => {
    await using publisher = await makePublisher({ settings: { allowPartialRevisions: true } });
    const keys = makeKeys(now, 3);
    await publisher.publish(publisher.body({ keys: keys.slice(0, 1), reportType: 'likely' }));
    const { revisionToken } = await publisher.publish(publisher.body({ keys: keys.slice(1, 2), reportType: 'likely' }));
    expect(await publisher.publish(publisher.body({ keys, revisionToken }))).toMatchObject({ inserted: 1, revised: 1 });
    expect((await storedRows(publisher.database)).map((row) => row.revised_report_type)).toEqual([null, 1, null]);
  });
});

describe('a known key is refused, and with it the whole request,', () => {
  it.each([
    ['without a token', '', 'missing_revision_token', 'no revision token, but sent existing keys'],
    ['with a token that is no base64', '*', 'invalid_revision_token', 'revision token is invalid'],
    ['with a token that is none', 'AAAA', 'invalid_revision_token', 'revision token is invalid'],
  ])('%s', async (_, revisionToken, code, message) => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 3);
    await publisher.publish(publisher.body({ keys: keys.slice(0, 1), reportType: 'likely' }));
    const body = publisher.body({ keys, revisionToken });
    expect(await refusalOf(publisher.publish(body))).toEqual({ kind: 'invalid', code, message, details: [] });
    expect(await storedRows(publisher.database)).toHaveLength(1);
    const freshKeys = makeKeys(now, 2);
    expect(await publisher.publish(publisher.body({ keys: freshKeys, revisionToken }))).toMatchObject({ inserted: 2 });
  });

  it('with the token of another person', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 1);
    await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const { revisionToken } = await publisher.publish(publisher.body());
    expect(await refusalOf(publisher.publish(publisher.body({ keys, revisionToken })))).toMatchObject({
      code: 'invalid_revision_token',
    });
  });

  it('with another interval than it is stored with', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 1);
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const moved = [{ ...keys[0]!, rollingPeriod: 143 }];
    expect(await refusalOf(publisher.publish(publisher.body({ keys: moved, revisionToken })))).toMatchObject({
      code: 'invalid_revision_token',
    });
  });

  it('for a change of report type that is not allowed, with the warnings', async () => {
    await using publisher = await makePublisher({ settings: { maxSymptomOnsetDays: 2 } });
    const keys = makeKeys(now, 6);
    const { revisionToken } = await publisher.publish(publisher.body({ keys }));
    const body = publisher.body({ keys, revisionToken, reportType: 'negative' });
    expect(await refusalOf(publisher.publish(body))).toEqual({
      kind: 'invalid',
      code: 'invalid_report_type_transition',
      message: 'invalid report type transition: cannot transition from "confirmed" to "negative"',
      details: ['key 5 symptom onset is too large, 3 > 2 - saving without this key'],
    });
  });

  it('when it came from a partner', async () => {
    await using publisher = await makePublisher({ bypassRevisionToken: true });
    const keys = makeKeys(now, 1);
    await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    await publisher.database.query(`update exposures set partner_id = 1, provenance = '{bb}'`);
    expect(await refusalOf(publisher.publish(publisher.body({ keys })))).toMatchObject({
      code: 'invalid_report_type_transition',
    });
  });
});
