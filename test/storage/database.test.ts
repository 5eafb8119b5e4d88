/** Connections of the pool: which are used again, and which are closed. */
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { Database } from '../../src/storage/database.ts';
import { createTestDatabase } from '../support/postgres.ts';

const pidOf = async (client: Pick<pg.ClientBase, 'query'>): Promise<number> =>
  (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;

interface SingleConnection extends AsyncDisposable {
  readonly database: Database;
  /** Backend that the next statement meets. */
  nextPid(): Promise<number>;
}

/** A pool of one connection, so that the next one to come gets what the last one left. */
async function openSingle(): Promise<SingleConnection> {
  const test = await createTestDatabase();
  const database = new Database(
    { url: test.url, poolSize: 1, applicationName: 'test', statementTimeoutMs: 30_000 },
    () => undefined,
  );
  return {
    database,
    nextPid: () => pidOf(database as unknown as pg.ClientBase),
    [Symbol.asyncDispose]: async () => {
      await database.stop();
      await test[Symbol.asyncDispose]();
    },
  };
}

it('a database that is gone from under a running role is unavailable, not a fault of the role', async () => {
  const test = await createTestDatabase();
  await test[Symbol.asyncDispose]();
  const database = new Database(
    { url: test.url, poolSize: 1, applicationName: 'test', statementTimeoutMs: 30_000 },
    () => undefined,
  );
  await expect(database.withClient(pidOf)).rejects.toMatchObject({ kind: 'unavailable', code: 'unavailable' });
  await database.stop();
});

describe('a connection', () => {
  it('is used again after work that succeeded', async () => {
    await using single = await openSingle();
    const pid = await single.database.withClient(pidOf);
    expect(await single.database.transaction(pidOf)).toBe(pid);
    expect(await single.nextPid()).toBe(pid);
  });

  it('is used again after a statement that failed, and after a transaction that was rolled back', async () => {
    await using single = await openSingle();
    const pid = await single.nextPid();
    await expect(single.database.withClient((client) => client.query('select 1 / 0'))).rejects.toThrow();
    await expect(single.database.transaction((client) => client.query('select 1 / 0'))).rejects.toThrow();
    await expect(single.database.transaction(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await single.nextPid()).toBe(pid);
  });

  it.each(['begin', 'begin read only', 'begin; select 1'])('is closed after `%s` that nobody ended', async (begin) => {
    await using single = await openSingle();
    const pid = await single.database.withClient(async (client) => {
      await client.query(begin);
      return await pidOf(client);
    });
    expect(await single.nextPid()).not.toBe(pid);
  });

  it('is closed after work that failed within a transaction of its own', async () => {
    await using single = await openSingle();
    const pid = await single.nextPid();
    const failed = single.database.withClient(async (client) => {
      await client.query('begin');
      await client.query('select 1 / 0');
    });
    await expect(failed).rejects.toMatchObject({ kind: 'internal' });
    expect(await single.nextPid()).not.toBe(pid);
  });

  it('that cannot roll back is closed, and the first error is told', async () => {
    await using single = await openSingle();
    const pid = await single.nextPid();
    const failed = single.database.transaction((client) => {
      const query = client.query.bind(client);
      client.query = ((text: string) =>
        text === 'rollback' ? Promise.reject(new Error('no rollback')) : query(text)) as typeof client.query;
      return Promise.reject(new Error('the first'));
    });
    await expect(failed).rejects.toThrow('the first');
    expect(await single.nextPid()).not.toBe(pid);
  });

  it('that breaks in a transaction gives `unavailable`, and the next one works', async () => {
    await using single = await openSingle();
    const broken = single.database.transaction((client) =>
      client.query('select pg_terminate_backend(pg_backend_pid())'),
    );
    await expect(broken).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await single.nextPid()).toBeGreaterThan(0);
  });

  it("says that a text which no row can hold is the caller's fault", async () => {
    await using single = await openSingle();
    const query = single.database.query('select $1::text', ['aa\0']);
    await expect(query).rejects.toMatchObject({ kind: 'invalid', code: 'bad_request' });
  });
});
