/** Copies and replays that end in the middle, are done by several at once, or meet a blob store that is away. */
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { WithdrawalScope } from '../../../src/gen/enmesh/operations/v1/operations.ts';
import type { BlobStore } from '../../../src/storage/blob/blob-store.ts';
import type { Database } from '../../../src/storage/database.ts';
import { listWithdrawals } from '../../../src/storage/exposures/withdrawal-records.ts';
import { cleanUp } from '../../../src/server/operations/cleanup.ts';
import { withdraw } from '../../../src/server/operations/withdraw.ts';
import {
  keepWithdrawalsJob,
  replayWithdrawals,
  type ReplayDeps,
} from '../../../src/server/withdrawal-copies/replay.ts';
import { copyWithdrawals, copyWithdrawalsNow } from '../../../src/server/withdrawal-copies/write-copies.ts';
import { refusalOf } from '../publish/publisher.ts';
import { countTombstones, withdrawalOf } from '../../support/withdrawal.ts';
import { backUp, fates, insertKey, look, never, objects, startInstallation } from '../../support/withdrawal-copies.ts';

const app = { scope: WithdrawalScope.APP, name: 'org.example.health' };

/** A process that is killed before its n-th transaction or statement outside of one. */
function dyingBefore(deps: ReplayDeps, n: number): ReplayDeps {
  let step = 0;
  const next = () => {
    step += 1;
    if (step >= n) throw new Error('killed');
  };
  const database = {
    query: async (...args: Parameters<Database['query']>) => {
      next();
      return await deps.database.query(...args);
    },
    transaction: async (work: Parameters<Database['transaction']>[0]) => {
      next();
      return await deps.database.transaction(work);
    },
  } as unknown as Database;
  return { ...deps, database };
}

/** Does `work` in processes that are killed a step later each, until one is not. @returns how many were killed */
async function killedAtEachStep(deps: ReplayDeps, work: (deps: ReplayDeps) => Promise<unknown>): Promise<number> {
  for (let n = 1; ; n++) {
    const wasKilled = await work(dyingBefore(deps, n)).then(
      () => false,
      (error: unknown) => {
        if (!(error instanceof Error) || error.message !== 'killed') throw error;
        return true;
      },
    );
    if (!wasKilled) return n - 1;
  }
}

/** Fails for the methods that are named. */
function away(blobStore: BlobStore, ...methods: (keyof BlobStore)[]): BlobStore {
  const fail = () => {
    throw new AppError('unavailable', 'blob_store_unavailable', 'out of order');
  };
  const bound = (method: keyof BlobStore) => (methods.includes(method) ? fail : blobStore[method].bind(blobStore));
  return Object.fromEntries(
    (['put', 'stat', 'read', 'list', 'delete'] as const).map((method) => [method, bound(method)]),
  ) as unknown as BlobStore;
}

describe('a copy of a withdrawal', () => {
  it('is written by the job when the process was killed after the withdrawal, at any step of the copy', async () => {
    await using operations = await startInstallation();
    const { deps } = operations;
    await insertKey(deps.database, { byte: 1, hoursAgo: 5 });
    await using restored = await backUp(operations);
    await withdraw(deps, withdrawalOf({ scope: 'app', name: app.name }), never);
    expect(await operations.client.listWithdrawals({})).toMatchObject({ copyPending: true });
    const kills = await killedAtEachStep(deps, (dying) => copyWithdrawals(dying, never));
    expect(kills).toBeGreaterThan(5);
    expect(await operations.client.listWithdrawals({})).toMatchObject({ copyPending: false });
    // The secret, and one copy: what it holds was fixed by the first.
    expect((await objects(deps.blobStore)).size).toBe(2);

    await look(restored.deps);
    expect(await fates(restored.deps.database)).toEqual({ 1: 'withdrawn' });
  });

  it('is complete whichever of several processes writes it', async () => {
    await using operations = await startInstallation();
    const { deps } = operations;
    for (let byte = 1; byte <= 20; byte++) await insertKey(deps.database, { byte, hoursAgo: 5 });
    await using restored = await backUp(operations);
    await withdraw(deps, withdrawalOf({ scope: 'app', name: app.name }), never);
    await Promise.all([1, 2, 3].map(() => copyWithdrawals(deps, never)));
    await look(restored.deps);
    expect(new Set(Object.values(await fates(restored.deps.database)))).toEqual(new Set(['withdrawn']));
  });

  it.each(['put', 'stat'] as const)('waits where the blob store cannot %s, which the answer says', async (method) => {
    await using operations = await startInstallation();
    const { deps, client } = operations;
    await insertKey(deps.database, { byte: 1, hoursAgo: 5 });
    await withdraw(deps, withdrawalOf({ scope: 'app', name: app.name }), never);
    const faulty = { ...deps, blobStore: away(deps.blobStore, method) };
    expect(await copyWithdrawalsNow(faulty, never)).toBe(false);
    const job = keepWithdrawalsJob(faulty).run(undefined, { signal: never } as never);
    expect(await refusalOf(job as Promise<never>)).toMatchObject({ code: 'blob_store_unavailable' });
    expect(await client.listWithdrawals({})).toMatchObject({ copyPending: true });
    expect(await client.withdraw(app)).toMatchObject({ copyPending: false });
    expect(await client.listWithdrawals({})).toMatchObject({ copyPending: false });
  });

  it('that can never be written leaves no hash in the database when it is past its time', async () => {
    await using operations = await startInstallation();
    const { deps, client } = operations;
    const { database } = deps;
    await insertKey(database, { byte: 1, hoursAgo: 0 });
    await withdraw(deps, withdrawalOf({ scope: 'app', name: app.name }), never);
    const faulty = { ...deps, blobStore: away(deps.blobStore, 'put') };
    expect(await copyWithdrawalsNow(faulty, never)).toBe(false);
    const count = async () => (await database.query('select hash from withdrawn_hashes')).rows.length;
    deps.clock.advance(14 * 86_400_000 - 1);
    await cleanUp(faulty, never);
    expect(await count()).toBe(1);
    deps.clock.advance(2 * 86_400_000);
    await cleanUp(faulty, never);
    expect(await count()).toBe(0);
    expect(await client.listWithdrawals({})).toMatchObject({ copyPending: false });
  });

  it('is not made without a bucket, which the answer says', async () => {
    await using operations = await startInstallation();
    const { deps } = operations;
    const settings = { ...deps.settings, withdrawalsBucket: null };
    await withdraw(deps, withdrawalOf({ scope: 'app', name: app.name }), never);
    expect(await copyWithdrawalsNow({ ...deps, settings }, never)).toBe(false);
    await look({ ...deps, settings });
    expect((await objects(deps.blobStore)).size).toBe(0);
    // With a bucket the database is another one: it is looked into.
    await look(deps);
    expect(await copyWithdrawalsNow(deps, never)).toBe(true);
  });
});

describe('a replay', () => {
  it('that is killed at any step is done again from the beginning, and comes to the same', async () => {
    await using operations = await startInstallation();
    const { database } = operations.deps;
    for (const [byte, hoursAgo] of [
      [1, 30],
      [2, 5],
      [3, 0],
    ] as const)
      await insertKey(database, { byte, hoursAgo });
    await using restored = await backUp(operations);
    await insertKey(database, { byte: 4, hoursAgo: 5 });
    await operations.client.withdraw(app);

    const { deps } = restored;
    expect(await killedAtEachStep(deps, (dying) => replayWithdrawals(dying, never))).toBeGreaterThan(15);
    expect(await fates(deps.database)).toEqual({ 1: 'withdrawn', 2: 'withdrawn' });
    expect(await countTombstones(deps.database)).toBe(2);
    expect(await listWithdrawals(deps.database, 10)).toHaveLength(1);
  });

  it('is done once, by one of several replicas that start together', async () => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 5 });
    await using restored = await backUp(operations);
    await operations.client.withdraw(app);

    let reads = 0;
    const { blobStore } = restored.deps;
    const counting: BlobStore = Object.assign(away(blobStore), {
      read: async (...args: Parameters<BlobStore['read']>) => {
        reads += 1;
        return await blobStore.read(...args);
      },
    });
    await Promise.all([1, 2, 3, 4].map(() => look({ ...restored.deps, blobStore: counting })));
    expect(await fates(restored.deps.database)).toEqual({ 1: 'withdrawn' });
    expect(reads).toBe(1);
  });

  it.each(['list', 'read'] as const)('without a blob store that can %s lets nobody serve', async (method) => {
    await using operations = await startInstallation();
    await insertKey(operations.deps.database, { byte: 1, hoursAgo: 5 });
    await using restored = await backUp(operations);
    await operations.client.withdraw(app);

    const { deps } = restored;
    const refusal = await refusalOf(look({ ...deps, blobStore: away(deps.blobStore, method) }));
    expect(refusal).toMatchObject({ kind: 'unavailable', code: 'withdrawals_unread', details: ['out of order'] });
    await look(deps);
    expect(await fates(deps.database)).toEqual({ 1: 'withdrawn' });
  });

  it('names the variable when no bucket can have the name', async () => {
    await using operations = await startInstallation();
    const { deps } = operations;
    const settings = { ...deps.settings, withdrawalsBucket: '../elsewhere' };
    const refusal = await refusalOf(look({ ...deps, settings }));
    expect(refusal).toMatchObject({
      code: 'withdrawals_unread',
      message: expect.stringContaining('ENMESH_WITHDRAWALS_BUCKET') as string,
    });
  });

  it('needs no blob store for a database that was looked through, whoever starts', async () => {
    await using operations = await startInstallation();
    const { deps } = operations;
    await look({ ...deps, blobStore: away(deps.blobStore, 'list', 'read', 'stat', 'put') });
    expect(await fates(deps.database)).toEqual({});
  });
});
