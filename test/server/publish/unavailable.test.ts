import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';
import { preparePublish } from '../../../src/server/publish/service.ts';
import { Database } from '../../../src/storage/database.ts';
import { makeKeys } from '../../support/phone.ts';
import { commandOf, makePublisher, publishSettings, refusalOf, storedRows, type Publisher } from './publisher.ts';

/** The installation's key manager, which can be cut off. */
function breakable(publisher: Publisher): KeyManager & { isBroken: boolean } {
  const { keyManager } = publisher;
  return Object.assign(Object.create(keyManager) as KeyManager, {
    isBroken: false,
    async encrypt(this: { isBroken: boolean }, ...args: Parameters<KeyManager['encrypt']>) {
      if (this.isBroken)
        throw new AppError('unavailable', 'key_manager_unavailable', 'the key manager does not answer');
      return await keyManager.encrypt(...args);
    },
    async decrypt(this: { isBroken: boolean }, ...args: Parameters<KeyManager['decrypt']>) {
      if (this.isBroken)
        throw new AppError('unavailable', 'key_manager_unavailable', 'the key manager does not answer');
      return await keyManager.decrypt(...args);
    },
  });
}

describe('a fault of ours is never the phone’s', () => {
  it('when nothing listens where the database should be', async () => {
    await using publisher = await makePublisher();
    const nowhere = new Database(
      { url: 'postgres://nobody@127.0.0.1:1/nothing', poolSize: 1, applicationName: 'test', statementTimeoutMs: 1_000 },
      () => undefined,
    );
    const publish = publisher.replica({}, nowhere);
    expect(await refusalOf(publish(publisher.body()))).toMatchObject({ kind: 'unavailable', code: 'unavailable' });
    await nowhere.stop();
  });

  it('when the connections are cut in the middle, and it passes with them', async () => {
    await using publisher = await makePublisher();
    const own = new Database(
      { url: publisher.url, poolSize: 1, applicationName: 'to be cut', statementTimeoutMs: 30_000 },
      () => undefined,
    );
    const publish = publisher.replica({}, own);
    await publish(publisher.body());
    const blocker = publisher.database.transaction(async (client) => {
      await client.query('lock table exposures in access exclusive mode');
      const waiting = refusalOf(publish(publisher.body()));
      await cutWhenWaiting(publisher.database, 'to be cut');
      return await waiting;
    });
    expect(await blocker).toMatchObject({ kind: 'unavailable', code: 'unavailable' });
    expect(await storedRows(publisher.database)).toHaveLength(3);
    expect(await publish(publisher.body())).toMatchObject({ inserted: 3 });
    await own.stop();
  });

  it('when the key manager does not answer: then nothing is stored', async () => {
    await using publisher = await makePublisher();
    const keyManager = breakable(publisher);
    const publish = preparePublish({ ...publisher, keyManager, settings: publishSettings });
    keyManager.isBroken = true;
    const body = publisher.body();
    expect(await refusalOf(publish(commandOf(body)))).toMatchObject({ kind: 'unavailable', code: 'unavailable' });
    expect(await storedRows(publisher.database)).toEqual([]);
    keyManager.isBroken = false;
    expect(await publish(commandOf(body))).toMatchObject({ inserted: 3 });
  });

  it('when the key of a sent token cannot be unwrapped just now', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(publisher.clock.now(), 2);
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const keyManager = breakable(publisher);
    keyManager.isBroken = true;
    const publish = preparePublish({ ...publisher, keyManager, settings: publishSettings });
    const body = publisher.body({ keys, revisionToken });
    expect(await refusalOf(publish(commandOf(body)))).toMatchObject({ kind: 'unavailable', code: 'unavailable' });
  });
});

/** Ends the connection of that name as soon as it waits for a lock. */
async function cutWhenWaiting(database: Database, applicationName: string): Promise<void> {
  for (;;) {
    const { rowCount } = await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`,
      [applicationName],
    );
    if ((rowCount ?? 0) > 0) return;
  }
}
