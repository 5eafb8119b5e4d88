/** Brings the schema up to date: once, however many replicas start at the same time. */
import type { Knex } from 'knex';
import pg from 'pg';
import { migrations, type Migration } from '../../migrations/index.ts';
import { migrateJobs } from '../platform/jobs.ts';
import { connectionFault } from './connection-fault.ts';

/** The table in which knex records what is applied. */
const tableName = 'knex_migrations';

/** What {@link pendingMigrations} says when the job queue's own schema is missing. */
const jobQueue = 'job_queue';

/** First half of the keys of our session locks; the locks of windows have 64-bit keys, which never meet these. */
const lockClass = 0x454e4d53;
const migrationLock = 1;

/** knex records the extension of files as part of the name: these have none. */
const migrationSource: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...migrations]),
  getMigrationName: (migration) => migration.name,
  getMigration: (migration) => Promise.resolve({ up: migration.up, down: refuseDown }),
};

/**
 * Applies what is missing, of our schema and of the job queue's. Safe to run from many processes at once: they wait for
 * the first, and then find nothing to do.
 * @param databaseUrl a direct connection, not a transaction-mode pooler
 * @returns the names of our migrations that this call applied
 */
export async function migrate(databaseUrl: string): Promise<{ applied: readonly string[] }> {
  return await withConnection(databaseUrl, async (client) => {
    // Held by this session: it ends with the connection, also when the process is killed.
    await client.query('select pg_advisory_lock($1, $2)', [lockClass, migrationLock]);
    const missing = await missingMigrations(client);
    // knex is large, and most starts find nothing to do.
    const applied = missing.some((name) => name !== jobQueue) ? await applyMissing(databaseUrl) : [];
    await migrateJobs(databaseUrl);
    return { applied };
  });
}

/**
 * The migrations that {@link migrate} would apply. Reads only.
 * @returns names in order; empty when the schema is up to date
 */
export async function pendingMigrations(databaseUrl: string): Promise<readonly string[]> {
  return await withConnection(databaseUrl, missingMigrations);
}

async function missingMigrations(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ has_table: boolean; has_jobs: boolean }>(
    `select to_regclass($1) is not null as has_table, to_regclass('graphile_worker.jobs') is not null as has_jobs`,
    [tableName],
  );
  const applied = rows[0]?.has_table ? await client.query<{ name: string }>(`select name from ${tableName}`) : null;
  const done = new Set(applied?.rows.map(({ name }) => name));
  const missing = migrations.map(({ name }) => name).filter((name) => !done.has(name));
  return rows[0]?.has_jobs ? missing : [...missing, jobQueue];
}

async function applyMissing(databaseUrl: string): Promise<readonly string[]> {
  const { default: knex } = await import('knex');
  const db = knex({ client: 'pg', connection: databaseUrl, pool: { min: 0, max: 2 } });
  // An older release may start while the database is newer, so names that it does not know are no fault.
  const config = { migrationSource, tableName, disableMigrationsListValidation: true };
  try {
    // knex's own lock is a row, which a killed process leaves set; ours is what counts.
    await db.migrate.forceFreeMigrationsLock(config);
    const [, applied] = (await db.migrate.latest(config)) as [number, string[]];
    return applied;
  } finally {
    await db.destroy();
  }
}

async function withConnection<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 15_000, keepAlive: true });
  // A connection that breaks between statements fails the next one; the event must only not end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw connectionFault(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function refuseDown(): Promise<void> {
  return Promise.reject(new Error('migrations only go forward'));
}
