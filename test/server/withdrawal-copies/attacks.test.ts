/** Whoever reads or writes the bucket of copies: he learns nothing, and withdraws nothing. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WithdrawalScope } from '../../../src/gen/enmesh/operations/v1/operations.ts';
import { copyKeys, openCopy, sealCopy } from '../../../src/server/withdrawal-copies/sealed-copy.ts';
import { cleanUp } from '../../../src/server/operations/cleanup.ts';
import { readHashSecret } from '../../../src/storage/exposures/withdrawal-replay.ts';
import { isFilenameRoot } from '../../../src/domain/export/file-name.ts';
import { parseObjectPath } from '../../../src/gateway/exports/object-path.ts';
import { now } from '../../support/cleanup.ts';
import {
  backUp,
  fates,
  insertKey,
  look,
  never,
  objects,
  startAnew,
  startInstallation,
  writeObject,
} from '../../support/withdrawal-copies.ts';

const app = { scope: WithdrawalScope.APP, name: 'org.example.health' };
const uuid = '00000000-0000-4000-8000-000000000000';
const content = {
  keepUntil: new Date('2026-04-20T10:00:00Z'),
  withdrawals: [
    { uid: uuid, scope: 'app' as const, name: app.name, since: null, until: null, at: now, actor: 'operator.example' },
  ],
  hashes: randomBytes(64),
};

describe('a sealed copy', () => {
  const keys = copyKeys(randomBytes(32));

  it('gives back what went in, for its own name and key alone', () => {
    const sealed = sealCopy(keys, 'name', content);
    expect(openCopy(keys, 'name', sealed)).toEqual(content);
    expect(openCopy(keys, 'other', sealed)).toBeNull();
    expect(openCopy(copyKeys(randomBytes(32)), 'name', sealed)).toBeNull();
  });

  it('is nothing any more when a bit of it is changed, or a part is missing', () => {
    const sealed = sealCopy(keys, 'name', content);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1 << (at % 8);
      expect(openCopy(keys, 'name', changed)).toBeNull();
      expect(openCopy(keys, 'name', sealed.subarray(0, at))).toBeNull();
    }
    expect(openCopy(keys, 'name', Buffer.concat([sealed, Buffer.alloc(1)]))).toBeNull();
  });
});

describe('whoever reads the bucket', () => {
  it('finds neither keys nor their hashes, nor who withdrew what', async () => {
    await using operations = await startInstallation();
    const { database, blobStore } = operations.deps;
    await insertKey(database, { byte: 0x41, hoursAgo: 5 });
    await operations.client.withdraw(app);
    const secret = await readHashSecret(database);
    const { rows } = await database.query<{ hash: Buffer }>(
      'select tombstone_hash(secret, $1) as hash from tombstone_secret',
      [Buffer.alloc(16, 0x41)],
    );
    const found = await objects(blobStore);
    expect(found.size).toBe(2);
    for (const [name, bytes] of found) {
      const all = Buffer.concat([Buffer.from(name), bytes]);
      for (const hidden of [Buffer.alloc(16, 0x41), rows[0]!.hash, secret, app.name, 'local', 'withdrawals":']) {
        expect(all.subarray('.withdrawals/'.length).includes(hidden)).toBe(false);
      }
    }
  });

  it('needs the bucket itself: no export can have the folder, and the gateway has no path to it', async () => {
    await using operations = await startInstallation();
    await operations.client.withdraw(app);
    for (const name of (await objects(operations.deps.blobStore)).keys()) {
      expect(isFilenameRoot(name.split('/').slice(0, -1).join('/'))).toBe(false);
      expect(parseObjectPath(`/exports/${name}`)).toBeUndefined();
    }
  });
});

describe('whoever writes the bucket', () => {
  it('withdraws nothing with copies of his own, moved or damaged ones, and keeps nobody from starting', async () => {
    await using operations = await startInstallation();
    const { database, blobStore } = operations.deps;
    await insertKey(database, { byte: 1, hoursAgo: 5, column: 'partner_id' });
    await insertKey(database, { byte: 2, hoursAgo: 5 });
    await using restored = await backUp(operations);
    await operations.client.withdraw(app);
    const { id } = copyKeys(await readHashSecret(database));
    const [name, sealed] = [...(await objects(blobStore))].find(([each]) => !each.endsWith('/secret'))!;
    const forged = `.withdrawals/${id}/${uuid}`;
    const foreign = copyKeys(randomBytes(32));
    const partners = [{ ...content.withdrawals[0]!, scope: 'partner' as const, name: 'bb' }];
    const bogus = sealCopy(foreign, forged, { ...content, withdrawals: partners });
    await writeObject(blobStore, forged, bogus);
    await writeObject(blobStore, forged.replace(/0$/, '1'), sealed);
    await writeObject(blobStore, forged.replace(/0$/, '2'), Buffer.alloc(0));
    await writeObject(blobStore, forged.replace(/0$/, '3'), Buffer.alloc(9 * 1024 * 1024));
    await writeObject(blobStore, `.withdrawals/${foreign.id}/secret`, randomBytes(60));
    await writeObject(blobStore, `.withdrawals/${foreign.id}/${uuid}`, bogus);
    await writeObject(blobStore, `.withdrawals/other`, bogus);

    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 1: 'stored', 2: 'withdrawn' });

    await using anew = await startAnew(operations);
    await insertKey(anew.deps.database, { byte: 1, hoursAgo: 5, column: 'partner_id' });
    await writeObject(blobStore, name, Buffer.from('damaged'));
    await look(anew.deps);
    expect(await fates(anew.deps.database)).toEqual({ 1: 'stored' });
  });
});

describe('a copy past its time', () => {
  it('is deleted, and one that an older database does not know withdraws nothing and is deleted too', async () => {
    await using operations = await startInstallation();
    const { deps, client } = operations;
    await insertKey(deps.database, { byte: 1, hoursAgo: 0 });
    await using restored = await backUp(operations);
    await client.withdraw(app);
    // The key's last interval ends 26 hours before its age is over, 15 days after; files keep 14.
    deps.clock.advance(14 * 86_400_000 - 1);
    await cleanUp(deps, never);
    expect((await objects(deps.blobStore)).size).toBe(2);
    deps.clock.advance(2 * 86_400_000);
    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({});
    await cleanUp(restored.deps, never);
    expect([...(await objects(deps.blobStore)).keys()]).toEqual([expect.stringMatching(/\/secret$/)]);
    await cleanUp(deps, never);
    expect(await client.listWithdrawals({})).toMatchObject({ copyPending: false, withdrawals: [{ id: 1n }] });
  });
});
