/** How a database is told from its backups. */
import { expect, it } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { isLookedThrough, mayServe, noteLookedThrough, whileLooking } from '../../src/storage/restore-check.ts';
import { insertAuthority } from '../support/authority.ts';
import { createTestDatabase, openPool, restoreCopyOf } from '../support/postgres.ts';

const looked = { bucket: 'withdrawals', copies: [] };

it('a database that was looked through is known again, by whoever asks, with its bucket alone', async () => {
  await using test = await createTestDatabase();
  expect(await isLookedThrough(test.database, 'withdrawals')).toBe(false);
  await noteLookedThrough(test.database, looked, systemClock);
  await using other = openPool(test.url);
  expect(await isLookedThrough(other.database, 'withdrawals')).toBe(true);
  for (const bucket of ['other', null]) expect(await isLookedThrough(other.database, bucket)).toBe(false);
  await noteLookedThrough(test.database, { ...looked, bucket: null }, systemClock);
  expect(await isLookedThrough(other.database, null)).toBe(true);
});

it('a copy of it under another name is another database', async () => {
  await using test = await createTestDatabase();
  await noteLookedThrough(test.database, looked, systemClock);
  await using copy = await restoreCopyOf(test.url);
  expect(await isLookedThrough(copy.database, 'withdrawals')).toBe(false);
});

it('tables that a dump filled anew under the same name are another database', async () => {
  await using test = await createTestDatabase();
  await noteLookedThrough(test.database, looked, systemClock);
  await test.database.query(
    `create table dumped as select * from restore_checks; drop table restore_checks;
     alter table dumped rename to restore_checks`,
  );
  expect(await isLookedThrough(test.database, 'withdrawals')).toBe(false);
});

it('a database of another start of PostgreSQL is another one', async () => {
  await using test = await createTestDatabase();
  await noteLookedThrough(test.database, looked, systemClock);
  await test.database.query(`update restore_checks set epoch = '1' || epoch`);
  expect(await isLookedThrough(test.database, 'withdrawals')).toBe(false);
});

it('others may serve it once it was looked through, and while nothing is configured', async () => {
  await using test = await createTestDatabase();
  expect(await mayServe(test.database)).toBe(true);
  await insertAuthority(test.database);
  expect(await mayServe(test.database)).toBe(false);
  await noteLookedThrough(test.database, { ...looked, bucket: null }, systemClock);
  expect(await mayServe(test.database)).toBe(true);
});

it('a pool of one connection looks too', async () => {
  await using test = await createTestDatabase();
  await using one = openPool(test.url, 1);
  const { rows } = await whileLooking(one.database, () => one.database.query('select 1 as one'));
  expect(rows).toEqual([{ one: 1 }]);
});
