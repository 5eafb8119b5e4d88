import { describe, expect, it } from 'vitest';
import { makeWrappedKey, RevisionKeys } from '../../../src/server/publish/revision-keys.ts';
import { insertRevisionKey } from '../../../src/storage/exposures/revision-keys.ts';
import { makeKeys } from '../../support/phone.ts';
import { makePublisher, now, publishSettings, refusalOf, type Publisher } from './publisher.ts';

function replica(publisher: Publisher): RevisionKeys {
  return new RevisionKeys({ ...publisher, settings: publishSettings });
}

async function insertKey({ database, keyManager, clock }: Publisher): Promise<void> {
  await insertRevisionKey(database, await makeWrappedKey({ keyManager, settings: publishSettings }), clock.now());
}

async function countKeys(publisher: Publisher): Promise<number> {
  return (await publisher.database.query('select from revision_keys')).rowCount ?? 0;
}

describe('revision keys', () => {
  it('are made once, however many replicas start at the same time', async () => {
    await using publisher = await makePublisher();
    const replicas = Array.from({ length: 8 }, () => replica(publisher));
    const newest = await Promise.all(replicas.flatMap((keys) => [keys.newest(), keys.newest()]));
    expect(await countKeys(publisher)).toBe(1);
    expect(new Set(newest.map(({ secret }) => secret.export().toString('hex'))).size).toBe(1);
    expect(newest[0]?.secret.symmetricKeySize).toBe(32);
  });

  it('are stored wrapped only', async () => {
    await using publisher = await makePublisher();
    const { secret } = await replica(publisher).newest();
    const { rows } = await publisher.database.query<{ wrapped_key: Buffer }>('select wrapped_key from revision_keys');
    expect(rows[0]?.wrapped_key.includes(secret.export())).toBe(false);
  });

  it('are looked for again after the time that they are remembered', async () => {
    await using publisher = await makePublisher();
    const keys = replica(publisher);
    const { kid } = await keys.newest();
    publisher.clock.advance(1_000);
    await insertKey(publisher);
    publisher.clock.set(new Date(now.getTime() + 59_999));
    expect((await keys.newest()).kid).toBe(kid);
    publisher.clock.set(new Date(now.getTime() + 60_000));
    expect(Number((await keys.newest()).kid)).toBeGreaterThan(Number(kid));
    expect((await keys.find(kid))?.secret.symmetricKeySize).toBe(32);
  });

  it('of another replica are found at once', async () => {
    await using publisher = await makePublisher();
    const keys = replica(publisher);
    await keys.newest();
    await insertKey(publisher);
    const { kid, secret } = await replica(publisher).newest();
    expect((await keys.find(kid))?.secret.equals(secret)).toBe(true);
  });

  it.each(['', '0', '01', '-1', '1e3', 'x', '999999999999999999', '9'.repeat(19), "1' or true"])(
    'are not found under the id %j',
    async (kid) => {
      await using publisher = await makePublisher();
      const keys = replica(publisher);
      await keys.newest();
      expect(await keys.find(kid)).toBeUndefined();
    },
  );

  it('that are no longer allowed open no token, and a new one is made for the next', async () => {
    await using publisher = await makePublisher();
    const sample = makeKeys(now, 1);
    const { revisionToken } = await publisher.publish(publisher.body({ keys: sample, reportType: 'likely' }));
    await publisher.database.query('update revision_keys set allowed = false');
    publisher.clock.advance(60_000);
    const body = publisher.body({ keys: sample, revisionToken });
    expect(await refusalOf(publisher.publish(body))).toMatchObject({ code: 'invalid_revision_token' });
    expect(await countKeys(publisher)).toBe(2);
  });

  it('that can never be unwrapped open no token, and harm no other', async () => {
    await using publisher = await makePublisher();
    const sample = makeKeys(now, 1);
    const { revisionToken } = await publisher.publish(publisher.body({ keys: sample, reportType: 'likely' }));
    await publisher.database.query(`update revision_keys set wrapped_key = '\\x00'`);
    publisher.clock.advance(1_000);
    await insertKey(publisher);
    const publish = publisher.replica();
    expect(await publish(publisher.body())).toMatchObject({ inserted: 3 });
    const outcome = await refusalOf(publish(publisher.body({ keys: sample, revisionToken })));
    expect(outcome).toMatchObject({ code: 'invalid_revision_token' });
  });
});
