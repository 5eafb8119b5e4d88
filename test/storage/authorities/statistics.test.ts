import { describe, expect, it } from 'vitest';
import { slots } from '../../../src/domain/publish/statistics.ts';
import { Database } from '../../../src/storage/database.ts';
import { deleteStatistics, readStatistics } from '../../../src/storage/authorities/statistics.ts';
import { insertAuthority } from '../../support/authority.ts';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts';
import { countPublishes, slotRow } from '../../support/statistics.ts';

const hour = '2026-03-14T10:00:00Z';
const day = { start: new Date('2026-03-14'), end: new Date('2026-03-15') };

async function authorityIn({ database }: TestDatabase, issuer?: string): Promise<number> {
  const options = issuer === undefined ? {} : { issuer, appId: issuer };
  return (await insertAuthority(database, options)).authorityRowId;
}

describe('counters', () => {
  it('come back slot by slot', async () => {
    await using test = await createTestDatabase();
    const id = await authorityIn(test);
    const row = Array.from({ length: slots.end }, (_, slot) => slot + 1);
    await countPublishes(test.database, id, hour, row);
    await countPublishes(test.database, id, hour, row);
    const counts = row.map((count) => BigInt(2 * count));
    expect(await readStatistics(test.database, id, day)).toEqual([{ hour: new Date(hour), counts }]);
  });

  it('are summed over shards, whoever counted', async () => {
    await using test = await createTestDatabase();
    const id = await authorityIn(test);
    await test.database.query(
      `insert into health_authority_stats (health_authority_id, hour, shard, counts)
       select $1, $2, shard, $3 from generate_series(0, 31) as shard`,
      [id, new Date(hour), slotRow({ 0: 1, 51: 2 })],
    );
    const counts = slotRow({ 0: 32, 51: 64 }).map(BigInt);
    expect(await readStatistics(test.database, id, day)).toEqual([{ hour: new Date(hour), counts }]);
  });

  it("are an authority's own, and those of the hours asked for", async () => {
    await using test = await createTestDatabase();
    const id = await authorityIn(test);
    const other = await authorityIn(test, 'https://other.example');
    for (const time of [
      '2026-03-13T23:00:00Z',
      '2026-03-14T23:00:00Z',
      '2026-03-14T00:00:00Z',
      '2026-03-15T00:00:00Z',
    ]) {
      await countPublishes(test.database, id, time, 1);
      await countPublishes(test.database, other, time, 100);
    }
    const rows = await readStatistics(test.database, id, day);
    expect(rows.map(({ hour: at, counts }) => [at.toISOString(), counts[1]])).toEqual([
      ['2026-03-14T00:00:00.000Z', 1n],
      ['2026-03-14T23:00:00.000Z', 1n],
    ]);
  });

  it('lose nothing when many count at once in an hour without a row (decision 12, fault 23)', async () => {
    await using test = await createTestDatabase();
    const id = await authorityIn(test);
    // More than there are shards, so that some count in the same one.
    const connections = 34;
    const settings = { url: test.url, poolSize: connections, applicationName: 'test', statementTimeoutMs: 30_000 };
    const database = new Database(settings, () => undefined);
    const connected = Promise.withResolvers<undefined>();
    let begun = 0;
    const count = async (): Promise<void> => {
      await database.transaction(async (client) => {
        if (++begun === connections) connected.resolve(undefined);
        await connected.promise;
        await countPublishes(client, id, hour, { 1: 1, 3: 14 });
      });
    };
    await Promise.all(Array.from({ length: connections }, count));
    await database.stop();
    const [row] = await readStatistics(test.database, id, day);
    expect([row?.counts[1], row?.counts[3]]).toEqual([34n, 476n]);
  });

  it('count nothing of a publish that is rolled back (decision 12, fault 22)', async () => {
    await using test = await createTestDatabase();
    const id = await authorityIn(test);
    const failed = test.database.transaction(async (client) => {
      await countPublishes(client, id, hour, 1);
      throw new Error('the publish fails after it was counted');
    });
    await expect(failed).rejects.toThrow('the publish fails');
    expect(await readStatistics(test.database, id, day)).toEqual([]);
  });

  it('go by whole days', async () => {
    await using test = await createTestDatabase();
    const id = await authorityIn(test);
    for (const time of ['2026-03-13T00:00:00Z', '2026-03-13T23:00:00Z', '2026-03-14T00:00:00Z']) {
      await countPublishes(test.database, id, time, 1);
    }
    expect(await deleteStatistics(test.database, day.start)).toBe(2);
    expect(await deleteStatistics(test.database, day.start)).toBe(0);
    expect(await readStatistics(test.database, id, { start: new Date(0), end: day.end })).toHaveLength(1);
  });
});
