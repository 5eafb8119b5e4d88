/** Rotation of the data keys of revision tokens (reference 8.2), and what it means for tokens. */
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { FilesystemKeyManager } from '../../../src/platform/key-manager/filesystem.ts';
import { rotateRevisionKeys, type RotationDeps } from '../../../src/server/operations/rotate-revision-keys.ts';
import { operationsJobs } from '../../../src/server/operations/service.ts';
import { makeWrappedKey, RevisionKeys } from '../../../src/server/publish/revision-keys.ts';
import {
  destroyRevisionKeys,
  insertRevisionKey,
  listRevisionKeys,
} from '../../../src/storage/exposures/revision-keys.ts';
import { ago } from '../../support/cleanup.ts';
import { auditRows, operationsSettings, startOperations, type OperationsFixture } from '../../support/operations.ts';
import { makeKeys } from '../../support/phone.ts';
import { makePublisher, refusalOf } from '../publish/publisher.ts';

const daySeconds = 86_400;
const byHand = { force: false, actor: 'local' };

async function insertKey({ deps }: OperationsFixture, ageDays: number): Promise<string> {
  return await insertRevisionKey(deps.database, await makeWrappedKey(deps), ago(ageDays * daySeconds));
}

async function kids({ deps }: OperationsFixture): Promise<string[]> {
  return (await listRevisionKeys(deps.database)).map(({ kid }) => kid);
}

describe('the worked expectations of reference 8.2', () => {
  it('makes a key where there is none', async () => {
    await using operations = await startOperations();
    expect(await rotateRevisionKeys(operations.deps, byHand)).toEqual({ created: true, deleted: 0, kept: 1 });
  });

  it('makes a new key beside one of 20 days, which stays', async () => {
    await using operations = await startOperations();
    const old = await insertKey(operations, 20);
    expect(await rotateRevisionKeys(operations.deps, byHand)).toEqual({ created: true, deleted: 0, kept: 2 });
    expect((await kids(operations))[1]).toBe(old);
  });

  it('keeps a key of now and one of 20 days', async () => {
    await using operations = await startOperations();
    const old = await insertKey(operations, 20);
    const newest = await insertKey(operations, 0);
    expect(await rotateRevisionKeys(operations.deps, byHand)).toEqual({ created: false, deleted: 0, kept: 2 });
    expect(await kids(operations)).toEqual([newest, old]);
  });

  it('destroys of keys of now, 20 and 40 days the last alone, with a limit of 14 days', async () => {
    await using operations = await startOperations({ revisionKeyDeleteAfterSeconds: 14 * daySeconds });
    const oldest = await insertKey(operations, 40);
    const old = await insertKey(operations, 20);
    const newest = await insertKey(operations, 0);
    expect(await rotateRevisionKeys(operations.deps, byHand)).toEqual({ created: false, deleted: 1, kept: 2 });
    expect(await kids(operations)).toEqual([newest, old]);
    const { rows } = await operations.deps.database.query(
      'select wrapped_key, aad, allowed from revision_keys where kid = $1',
      [oldest],
    );
    expect(rows).toEqual([{ wrapped_key: null, aad: null, allowed: false }]);
  });
});

describe('rotating revision keys', () => {
  it('is done when asked, and forced when asked for that', async () => {
    await using operations = await startOperations();
    await insertKey(operations, 1);
    expect(await operations.client.rotateRevisionKeys({})).toEqual({ created: false, deleted: 0, kept: 1 });
    expect(await operations.client.rotateRevisionKeys({ force: true })).toEqual({ created: true, deleted: 0, kept: 2 });
    const [newest] = await kids(operations);
    expect(await auditRows(operations.deps)).toEqual([
      { actor: 'local', action: 'rotate', subject: 'revisionKeys', change: { created: newest, destroyed: [] } },
    ]);
  });

  it('is a job, which leaves an audit row only when it did something', async () => {
    await using operations = await startOperations();
    const job = operationsJobs(operations.deps).find(({ name }) => name === 'revision-keys.rotate');
    const context = { signal: new AbortController().signal, logger: operations.deps.logger };
    await job?.run(undefined, context);
    await job?.run(undefined, context);
    expect(await auditRows(operations.deps)).toMatchObject([{ actor: 'schedule', action: 'rotate' }]);
  });

  it('makes one key, however many replicas do it at the same time', async () => {
    await using operations = await startOperations();
    await insertKey(operations, 8);
    const done = await Promise.all(Array.from({ length: 8 }, () => rotateRevisionKeys(operations.deps, byHand)));
    expect(done.filter(({ created }) => created)).toHaveLength(1);
    expect(await kids(operations)).toHaveLength(2);
  });

  it('cures fault 40: keys that cannot be unwrapped stop nothing, and a newest one gets a successor', async () => {
    await using operations = await startOperations();
    const { database } = operations.deps;
    await insertKey(operations, 2);
    await insertKey(operations, 1);
    await database.query(`update revision_keys set wrapped_key = '\\x00'`);
    expect(await rotateRevisionKeys(operations.deps, byHand)).toEqual({ created: true, deleted: 0, kept: 3 });
    expect(await rotateRevisionKeys(operations.deps, byHand)).toEqual({ created: false, deleted: 0, kept: 3 });
  });

  it('fails loudly when the key manager does not answer, and changes nothing', async () => {
    await using operations = await startOperations();
    await insertKey(operations, 40);
    await insertKey(operations, 20);
    const away = new AppError('unavailable', 'key_manager_unavailable', 'no answer');
    const keyManager = Object.assign(new FilesystemKeyManager('/nowhere'), { encrypt: () => Promise.reject(away) });
    const deps: RotationDeps = { ...operations.deps, keyManager };
    await expect(rotateRevisionKeys(deps, { ...byHand, force: true })).rejects.toBe(away);
    expect(await kids(operations)).toHaveLength(2);
  });

  it('fails loudly when a key cannot be destroyed (fault 40), and then has made none either', async () => {
    await using operations = await startOperations();
    await insertKey(operations, 40);
    await insertKey(operations, 20);
    await operations.deps.database.query('alter table revision_keys add check (allowed)');
    await expect(rotateRevisionKeys(operations.deps, byHand)).rejects.toMatchObject({ kind: 'internal' });
    expect(await kids(operations)).toHaveLength(2);
  });
});

describe('revision tokens', () => {
  it('of a destroyed key are invalid within the time that keys are remembered, on every replica', async () => {
    await using publisher = await makePublisher();
    const { clock, database } = publisher;
    const replicas = [publisher.replica(), publisher.replica()];
    const keys = makeKeys(clock.now(), 1);
    const { revisionToken } = await replicas[0]!(publisher.body({ keys, reportType: 'likely' }));
    await replicas[1]!(publisher.body());
    const [{ kid } = { kid: '' }] = await listRevisionKeys(database);
    clock.advance(1_000);
    await insertRevisionKey(
      database,
      await makeWrappedKey({ ...publisher, settings: operationsSettings }),
      clock.now(),
    );
    await database.transaction((client) => destroyRevisionKeys(client, [kid]));
    clock.advance(59_000);
    for (const publish of replicas) {
      const body = publisher.body({ keys, revisionToken, reportType: 'confirmed' });
      expect(await refusalOf(publish(body))).toMatchObject({ kind: 'invalid', code: 'invalid_revision_token' });
    }
  });

  it('outlive a rotation: what was sealed before revises after it', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(publisher.clock.now(), 1);
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const logger = createLogger({ level: 'silent', pretty: false });
    const rotation = { ...publisher, logger, settings: operationsSettings };
    expect(await rotateRevisionKeys(rotation, { force: true, actor: 'local' })).toMatchObject({ kept: 2 });
    publisher.clock.advance(60_000);
    const body = publisher.body({ keys, revisionToken, reportType: 'confirmed' });
    expect(await publisher.publish(body)).toMatchObject({ revised: 1 });
  });

  it('are sealed with an older key while the newest can never be unwrapped (fault 40)', async () => {
    await using operations = await startOperations();
    const usable = await insertKey(operations, 2);
    const damaged = await insertKey(operations, 1);
    await operations.deps.database.query(`update revision_keys set wrapped_key = '\\x00' where kid = $1`, [damaged]);
    const settings = { ...operations.deps.settings, revisionKeyCacheSeconds: 60 };
    const revisionKeys = new RevisionKeys({ ...operations.deps, settings });
    expect(await revisionKeys.newest()).toMatchObject({ kid: usable });
    expect(await revisionKeys.find(damaged)).toBeUndefined();
  });
});
