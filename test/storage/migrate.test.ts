import knex from 'knex';
import { expect, test } from 'vitest';
import { migrations, type Migration } from '../../migrations/index.ts';
import { migrate, pendingMigrations } from '../../src/storage/migrate.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/postgres.ts';
import { runSql } from '../support/sql.ts';

const names = migrations.map(({ name }) => name);

test('an empty database gets every migration once, in order, by names without extension', async () => {
  await using empty = await createEmptyDatabase();
  expect(await migrate(empty.url)).toEqual({ applied: names });
  expect(await migrate(empty.url)).toEqual({ applied: [] });
  expect(await runSql(empty.url, 'select name from knex_migrations order by id')).toEqual(
    names.map((name) => ({ name })),
  );
});

test('five replicas that start at once on an empty database apply every migration once', async () => {
  await using empty = await createEmptyDatabase();
  const results = await Promise.all([1, 2, 3, 4, 5].map(() => migrate(empty.url)));
  expect(results.flatMap(({ applied }) => applied)).toEqual(names);
});

test('pending migrations are named without anything being written', async () => {
  await using empty = await createEmptyDatabase();
  expect(await pendingMigrations(empty.url)).toEqual([...names, 'job_queue']);
  expect(await runSql(empty.url, `select 1 from pg_tables where schemaname = 'public'`)).toEqual([]);
});

test('nothing is pending in a migrated database', async () => {
  await using migrated = await createTestDatabase();
  expect(await pendingMigrations(migrated.url)).toEqual([]);
});

test('a lock row that a killed migration left behind does not stop the next one', async () => {
  await using migrated = await createTestDatabase();
  await runSql(migrated.url, 'update knex_migrations_lock set is_locked = 1');
  expect(await migrate(migrated.url)).toEqual({ applied: [] });
});

test('an older release starts on a database that a newer one has migrated', async () => {
  await using migrated = await createTestDatabase();
  await runSql(
    migrated.url,
    `insert into knex_migrations (name, batch, migration_time) values ('9999_of_a_newer_release', 9, now())`,
  );
  expect(await migrate(migrated.url)).toEqual({ applied: [] });
});

test('a database that does not answer is unavailable', async () => {
  const nobody = 'postgresql://enmesh@127.0.0.1:1/postgres';
  await expect(migrate(nobody)).rejects.toMatchObject({
    kind: 'unavailable',
    message: 'the database does not answer; start PostgreSQL, or correct host and port in ENMESH_DATABASE_URL',
  });
  await expect(pendingMigrations(nobody)).rejects.toMatchObject({ kind: 'unavailable' });
});

/** Brings a database to where a release was whose last migration this is. */
async function migrateThrough(url: string, last: string): Promise<void> {
  const until = migrations.slice(0, names.indexOf(last) + 1);
  const migrationSource = {
    getMigrations: () => Promise.resolve([...until]),
    getMigrationName: ({ name }: Migration) => name,
    getMigration: ({ up }: Migration) => Promise.resolve({ up, down: () => Promise.reject(new Error('never')) }),
  };
  const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
  try {
    await db.migrate.latest({ migrationSource });
  } finally {
    await db.destroy();
  }
}

/** As a process of the release before 0013 stores it. */
function insertKey(byte: string, columns: { readonly withdrawnAt: string }): string {
  return `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                                 regions, withdrawn_at)
          values (decode(repeat('${byte}', 16), 'hex'), '2026-03-20', 2955000, 144, 2, 1, false, '{AA}', ${columns.withdrawnAt})`;
}

test('an upgrade notes which keys were withdrawn, for the first copy: published ones, and those that left a tombstone', async () => {
  await using empty = await createEmptyDatabase();
  const { url } = empty;
  await migrateThrough(url, '0012_take_keys');
  await runSql(url, insertKey('01', { withdrawnAt: 'null' }));
  await runSql(url, insertKey('02', { withdrawnAt: `'2026-03-21'` }));
  await runSql(url, `insert into tombstones values (sha256('gone'), '2026-04-01')`);
  expect(await migrate(url)).toEqual({ applied: names.slice(names.indexOf('0012_take_keys') + 1) });
  const noted = await runSql<{ what: string; expires_at: Date }>(
    url,
    `select coalesce(encode(e.key, 'hex'), 'gone') as what, w.expires_at
       from withdrawn_hashes w cross join tombstone_secret s
       left join exposures e on tombstone_hash(s.secret, e.key) = w.hash
      where e.key is not null or w.hash = sha256('gone') order by what`,
  );
  expect(noted.map(({ what }) => what)).toEqual(['02'.repeat(16), 'gone']);
});
