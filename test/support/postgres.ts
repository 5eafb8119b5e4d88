/** A database for one test: a clone of the migrated template, gone when the test is over. */
import { randomUUID } from 'node:crypto';
import { setImmediate as heard, setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import { Database } from '../../src/storage/database.ts';
import { withDatabaseName } from './sql.ts';

/** A database that belongs to one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
}

/**
 * Creates it; use it with `await using`.
 * @param options.now windows are closed through the start of the hour before it
 */
export async function createTestDatabase(options: { now?: Date } = {}): Promise<TestDatabase> {
  const { url, drop } = await createDatabase(inject('templateDatabase'));
  const database = newPool(url);
  if (options.now !== undefined) {
    await database.query(`update window_state set closed_through = window_start($1, 3600) - interval '1 hour'`, [
      options.now,
    ]);
  }
  return {
    url,
    database,
    [Symbol.asyncDispose]: async () => {
      await database.stop();
      await drop();
    },
  };
}

/**
 * Copies a test's database as it is now, as a backup that is restored under another name does; whoever is connected to the
 * original is cut off and connects anew.
 */
export async function restoreCopyOf(url: string): Promise<TestDatabase> {
  const original = new URL(url).pathname.slice(1);
  const copy = await createDatabase(original, async () => {
    await server().query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [original]);
  });
  // By now every pool here has heard that its connections are gone.
  await heard();
  const database = newPool(copy.url);
  return {
    url: copy.url,
    database,
    [Symbol.asyncDispose]: async () => {
      await database.stop();
      await copy.drop();
    },
  };
}

/** One more pool on a test's database, as another process has. */
export function openPool(url: string, poolSize?: number): { readonly database: Database } & AsyncDisposable {
  const database = newPool(url, poolSize);
  return { database, [Symbol.asyncDispose]: async () => await database.stop() };
}

function newPool(url: string, poolSize = 10): Database {
  return new Database({ url, poolSize, applicationName: 'test', statementTimeoutMs: 30_000 }, () => undefined);
}

/** A database without any tables. */
export async function createEmptyDatabase(): Promise<{ readonly url: string } & AsyncDisposable> {
  const { url, drop } = await createDatabase('template0');
  return { url, [Symbol.asyncDispose]: drop };
}

let servers: pg.Pool | undefined;

/** A connection for creating and dropping, kept for all tests of this process. */
function server(): pg.Pool {
  servers ??= new pg.Pool({ connectionString: inject('postgresUrl'), max: 1, allowExitOnIdle: true }).on(
    'error',
    () => undefined,
  );
  return servers;
}

async function createDatabase(
  template: string,
  beforeEachTry: () => Promise<void> = () => Promise.resolve(),
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `enmesh_test_${randomUUID().replaceAll('-', '')}`;
  // The template never changes: its files are copied as they are, which takes half the time of copying through the log.
  await retryWhileCloned(async () => {
    await beforeEachTry();
    await server().query(`create database ${name} template ${template} strategy file_copy`);
  });
  return {
    url: withDatabaseName(inject('postgresUrl'), name),
    drop: async () => {
      await server().query(`drop database if exists ${name} with (force)`);
    },
  };
}

/** Something may look at the template for a moment, such as autovacuum; then it cannot be cloned (object_in_use). */
async function retryWhileCloned(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== '55006' || attempt === 20) throw error;
      await wait(100);
    }
  }
}
