/** A database that was restored to a time before withdrawals: they are done again from their copies in the blob store. */
import { describe, expect, it } from 'vitest';
import { WithdrawalScope } from '../../../src/gen/enmesh/operations/v1/operations.ts';
import { keepWithdrawalsJob } from '../../../src/server/withdrawal-copies/replay.ts';
import type { Database } from '../../../src/storage/database.ts';
import { listWithdrawals } from '../../../src/storage/exposures/withdrawal-records.ts';
import { tombstonedKeys } from '../../../src/storage/exposures/tombstones.ts';
import { withdrawKeys } from '../../../src/storage/exposures/withdrawals.ts';
import { enterWindow } from '../../../src/storage/windows.ts';
import { ago, now } from '../../support/cleanup.ts';
import { countTombstones, maxIntervalAgeSeconds } from '../../support/withdrawal.ts';
import {
  backUp,
  fates,
  insertKey,
  look,
  never,
  startAnew,
  startInstallation,
} from '../../support/withdrawal-copies.ts';

const app = { scope: WithdrawalScope.APP, name: 'org.example.health' };

async function refused(database: Database, ...bytes: number[]): Promise<number[]> {
  const keys = bytes.map((byte) => Buffer.alloc(16, byte));
  const names = await tombstonedKeys(database, keys);
  return bytes.filter((byte) => names.has(Buffer.alloc(16, byte).toString('latin1')));
}

describe('Operations, Retention: after a restore of the database', () => {
  it('keys that were here at the backup are withdrawn again, and no others', async () => {
    await using operations = await startInstallation();
    const { database } = operations.deps;
    await insertKey(database, { byte: 1, hoursAgo: 30 });
    await insertKey(database, { byte: 2, hoursAgo: 0 });
    await insertKey(database, { byte: 3, hoursAgo: 30, column: 'partner_id' });
    await using restored = await backUp(operations);
    expect(await operations.client.withdraw(app)).toMatchObject({
      withdrawnKeys: 1n,
      deletedKeys: 1n,
      copyPending: false,
    });

    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 1: 'withdrawn', 3: 'stored' });
    expect(await refused(restored.deps.database, 1, 2, 3)).toEqual([2]);
    expect(await countTombstones(restored.deps.database)).toBe(1);
    expect(await listWithdrawals(restored.deps.database, 10)).toMatchObject([
      { scope: 'app', name: 'org.example.health', at: now, actor: 'local', withdrawn: 1 },
    ]);
    await look(restored.deps);
    expect(await listWithdrawals(restored.deps.database, 10)).toHaveLength(1);
  });

  it('keys that came after the backup are refused when they are sent again, published or not', async () => {
    await using operations = await startInstallation();
    await using restored = await backUp(operations);
    const { database } = operations.deps;
    await insertKey(database, { byte: 1, hoursAgo: 5 });
    await insertKey(database, { byte: 2, hoursAgo: 0 });
    await insertKey(database, { byte: 3, hoursAgo: 5, column: 'partner_id' });
    await operations.client.withdraw(app);

    await look(restored.deps);
    expect(await refused(restored.deps.database, 1, 2, 3)).toEqual([1, 2]);
  });

  it('keys that a partner took back are withdrawn again, those of others stay', async () => {
    await using operations = await startInstallation();
    const { database, clock } = operations.deps;
    await insertKey(database, { byte: 1, hoursAgo: 5, column: 'partner_id' });
    await insertKey(database, { byte: 2, hoursAgo: 5, column: 'partner_id' });
    await using restored = await backUp(operations);
    await database.transaction(async (client) => {
      const window = await enterWindow(client, clock);
      await withdrawKeys(client, { keys: [Buffer.alloc(16, 1)], partnerId: 1, window, maxIntervalAgeSeconds });
    });
    expect(await operations.client.listWithdrawals({})).toEqual({ withdrawals: [], copyPending: true });
    await keepWithdrawalsJob(operations.deps).run(undefined, { signal: never } as never);
    expect(await operations.client.listWithdrawals({})).toEqual({ withdrawals: [], copyPending: false });

    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 1: 'withdrawn', 2: 'stored' });
  });

  it('a withdrawal has the period that it was given', async () => {
    await using operations = await startInstallation();
    const { database } = operations.deps;
    for (const hoursAgo of [9, 5, 1]) await insertKey(database, { byte: hoursAgo, hoursAgo });
    await using restored = await backUp(operations);
    await operations.client.withdraw({ ...app, since: ago(6 * 3600), until: ago(3 * 3600) });

    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 1: 'stored', 5: 'withdrawn', 9: 'stored' });
  });

  it('a withdrawal of all times takes no key of a window that began after it', async () => {
    await using operations = await startInstallation();
    await using restored = await backUp(operations);
    await operations.client.withdraw(app);
    for (const hoursAgo of [0.01, 0]) {
      await insertKey(restored.deps.database, { byte: hoursAgo === 0 ? 2 : 1, hoursAgo });
    }
    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 1: 'withdrawn', 2: 'stored' });
  });

  it('keys that are too old are deleted before anything is served', async () => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 14 * 24 + 1 });
    await insertKey(operations.deps.database, { byte: 2, hoursAgo: 14 * 24 - 1 });
    await using restored = await backUp(operations);
    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 2: 'stored' });
  });

  it('it may be lost once more, to the same backup or to a later one', async () => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 5 });
    await using first = await backUp(operations);
    await operations.client.withdraw(app);
    await using second = await backUp({ ...operations, url: first.url });
    await look(first.deps);
    await using third = await backUp({ ...operations, url: first.url });
    for (const { deps } of [second, third]) {
      await look(deps);
      expect(await fates(deps.database)).toEqual({ 1: 'withdrawn' });
      expect(await countTombstones(deps.database)).toBe(0);
    }
  });
});

describe('a database that was made anew', () => {
  it('takes the secret of the hashes over from the key manager, and refuses what was withdrawn', async () => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 5 });
    await operations.client.withdraw(app);

    await using anew = await startAnew(operations);
    await insertKey(anew.deps.database, { byte: 1, hoursAgo: 5, column: null });
    await look(anew.deps);
    expect(await fates(anew.deps.database)).toEqual({ 1: 'withdrawn' });
  });

  it('knows withdrawals of what is not configured any more by their keys alone', async () => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 0 });
    await operations.client.withdraw(app);

    await using anew = await startAnew(operations);
    await anew.deps.database.query('delete from apps');
    await look(anew.deps);
    expect(await refused(anew.deps.database, 1)).toEqual([1]);
    expect(await listWithdrawals(anew.deps.database, 10)).toMatchObject([{ name: app.name, finishedAt: now }]);
  });

  it('keeps its own secret once it has made hashes with it, and goes on without those copies', async () => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 0 });
    await operations.client.withdraw(app);

    await using anew = await startAnew(operations);
    await anew.deps.database.query(
      `insert into tombstones select tombstone_hash(secret, decode(repeat('07', 16), 'hex')), $1 from tombstone_secret`,
      [ago(-86_400)],
    );
    await look(anew.deps);
    expect(await refused(anew.deps.database, 1, 7)).toEqual([7]);
  });
});
