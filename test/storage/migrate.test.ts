import { expect, test } from 'vitest';
import { migrations } from '../../migrations/index.ts';
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
  await expect(migrate(nobody)).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(pendingMigrations(nobody)).rejects.toMatchObject({ kind: 'unavailable' });
});
