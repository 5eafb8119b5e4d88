import { describe, expect, it } from 'vitest';
import type { RevisableKey } from '../../../src/domain/publish/revision.ts';
import { RevisionKeys } from '../../../src/server/publish/revision-keys.ts';
import { openRevisionToken, parseRevisionToken } from '../../../src/server/publish/revision-token.ts';
import { makeKeys } from '../../support/phone.ts';
import { makePublisher, now, publishSettings, refusalOf, storedRows, type Publisher } from './publisher.ts';

async function entriesOf(publisher: Publisher, token: string): Promise<readonly RevisableKey[]> {
  const keys = new RevisionKeys({ ...publisher, settings: publishSettings });
  const sealed = parseRevisionToken(token)!;
  return openRevisionToken(sealed, (await keys.find(sealed.kid))!, publishSettings.revisionTokenAad)!;
}

describe('the same request again', () => {
  it('is answered as the first time, with a fresh token of the same keys, and writes nothing', async () => {
    await using publisher = await makePublisher();
    const [a, b, c] = makeKeys(now, 3);
    const keys = [a!, { ...b!, rollingPeriod: 0 }, c!];
    const body = publisher.body({ keys });
    const first = await publisher.publish(body);
    publisher.clock.advance(120_000);
    const second = await publisher.publish({ ...body, temporaryExposureKeys: keys.toReversed(), padding: 'x' });
    expect(second).toMatchObject({ inserted: 2, revised: 0, faults: first.faults, warnings: [] });
    expect(second.revisionToken).not.toBe(first.revisionToken);
    expect(await entriesOf(publisher, second.revisionToken)).toHaveLength(2);
    expect(await entriesOf(publisher, second.revisionToken)).toEqual(
      expect.arrayContaining([...(await entriesOf(publisher, first.revisionToken))]),
    );
    expect(await storedRows(publisher.database)).toHaveLength(2);
  });

  it('is answered as the first time when its keys have grown too old meanwhile', async () => {
    await using publisher = await makePublisher({ settings: { maxIntervalAgeSeconds: 86_400 } });
    const current = Math.floor(now.getTime() / 600_000);
    const keys = makeKeys(now, 1).map((key) => ({ ...key, rollingStartNumber: current - 150, rollingPeriod: 6 }));
    const body = publisher.body({ keys });
    await publisher.publish(body);
    publisher.clock.advance(600_000);
    expect(await publisher.publish(body)).toMatchObject({ inserted: 1, warnings: [], faults: [] });
    expect((await refusalOf(publisher.publish(publisher.body({ keys })))).message).toMatch(/too old/);
  });

  it('that revised keys is answered as the first time', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 3);
    const { revisionToken } = await publisher.publish(publisher.body({ keys: keys.slice(1), reportType: 'likely' }));
    const body = publisher.body({ keys, revisionToken });
    expect(await publisher.publish(body)).toMatchObject({ inserted: 1, revised: 2 });
    const again = await publisher.publish(body);
    expect(again).toMatchObject({ inserted: 1, faults: [] });
    expect(await entriesOf(publisher, again.revisionToken)).toHaveLength(3);
  });

  it('after the certificate has expired is refused', async () => {
    await using publisher = await makePublisher();
    const body = publisher.body();
    await publisher.publish(body);
    publisher.clock.advance(961_000);
    expect((await refusalOf(publisher.publish(body))).message).toMatch(/token is expired by 1m1s$/);
  });

  it('leaves a receipt that names nobody and ends with the certificate', async () => {
    await using publisher = await makePublisher();
    const body = publisher.body();
    await publisher.publish(body);
    const { rows } = await publisher.database.query<{ expires_at: Date; text: string }>(
      'select expires_at, receipts::text as text from receipts',
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.expires_at.getTime()).toBe(now.getTime() + 961_000);
    for (const { key } of body.temporaryExposureKeys) {
      expect(rows[0]?.text).not.toContain(Buffer.from(key, 'base64').toString('hex'));
    }
  });
});

describe('another request with the same certificate', () => {
  it('follows the ordinary rules and leaves no second receipt', async () => {
    await using publisher = await makePublisher();
    const body = publisher.body();
    const first = await publisher.publish(body);
    const changes = [{ symptomOnsetInterval: 1 }, { traveler: true }];
    for (const change of changes) {
      expect(await refusalOf(publisher.publish({ ...body, ...change }))).toMatchObject({
        code: 'missing_revision_token',
      });
    }
    const withToken = { ...body, revisionToken: first.revisionToken };
    expect(await publisher.publish(withToken)).toMatchObject({ inserted: 0, revised: 0 });
    const { rows } = await publisher.database.query('select from receipts');
    expect(rows).toHaveLength(1);
  });

  it('of another app follows the ordinary rules', async () => {
    await using publisher = await makePublisher();
    await publisher.database.query(
      `
      with app as (
        insert into apps (app_id, regions, bypass_certificate, bypass_revision_token, attestation)
        values ('org.example.second', '{AA}', false, false, 'off') returning id)
      insert into app_health_authorities (app_id, health_authority_id) select id, $1 from app`,
      [publisher.authority.authorityRowId],
    );
    const body = publisher.body();
    await publisher.publish(body);
    const elsewhere = { ...body, healthAuthorityID: 'org.example.second' };
    expect(await refusalOf(publisher.publish(elsewhere))).toMatchObject({ code: 'missing_revision_token' });
  });
});
