/** The keys of a partner and day, counted in the database. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/storage/database.ts';
import { countReceivedKeys } from '../../../src/storage/partners/partner-quota.ts';
import { createTestDatabase, openPool } from '../../support/postgres.ts';

const now = new Date('2026-03-20T23:59:59Z');
const tomorrow = new Date('2026-03-21T00:00:00Z');

async function insertPartner(database: Database, name: string): Promise<number> {
  const { rows } = await database.query<{ id: number }>(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience, require_server_identity)
     values ($1, 'partner.example:443', 'https://id.example', $1, 'us', 'them', true) returning id`,
    [name],
  );
  return rows[0]!.id;
}

describe('the quota of a partner', () => {
  it('lets batches in while fewer keys came before them on the day, and begins anew with the day in UTC', async () => {
    await using test = await createTestDatabase();
    const id = await insertPartner(test.database, 'bb');
    const count = async (keys: number, at = now) =>
      await countReceivedKeys(test.database, id, { count: keys, mostPerDay: 1_500, now: at });
    expect(await count(1_000)).toBe(true);
    expect(await count(499)).toBe(true);
    // One below the limit: a whole batch is let in, so that a limit below a batch stops nothing for ever.
    expect(await count(1_000)).toBe(true);
    expect(await count(1)).toBe(false);
    expect(await count(1, tomorrow)).toBe(true);
  });

  it('is exhausted with exactly as many keys as the limit', async () => {
    await using test = await createTestDatabase();
    const id = await insertPartner(test.database, 'bb');
    expect(await countReceivedKeys(test.database, id, { count: 1_000, mostPerDay: 1_000, now })).toBe(true);
    expect(await countReceivedKeys(test.database, id, { count: 1, mostPerDay: 1_000, now })).toBe(false);
  });

  it('counts a batch without keys as one, counts no refused transaction, and no other partner', async () => {
    await using test = await createTestDatabase();
    const [one, other] = [await insertPartner(test.database, 'bb'), await insertPartner(test.database, 'cc')];
    const count = async (id: number, keys: number) =>
      await countReceivedKeys(test.database, id, { count: keys, mostPerDay: 1, now });
    await expect(
      test.database.transaction(async (client) => {
        await countReceivedKeys(client, one, { count: 1_000, mostPerDay: 1, now });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await count(one, 0)).toBe(true);
    expect(await count(one, 0)).toBe(false);
    expect(await count(other, 1)).toBe(true);
  });

  it('has no limit when that is 0', async () => {
    await using test = await createTestDatabase();
    const id = await insertPartner(test.database, 'bb');
    for (let batch = 0; batch < 3; batch++) {
      expect(await countReceivedKeys(test.database, id, { count: 10 ** 9, mostPerDay: 0, now })).toBe(true);
    }
  });

  it('is one for all processes, also when they count at the same time', async () => {
    await using test = await createTestDatabase();
    await using second = openPool(test.url);
    const id = await insertPartner(test.database, 'bb');
    const batches = Array.from({ length: 20 }, async (_, index) => {
      const database = index % 2 === 0 ? test.database : second.database;
      return await countReceivedKeys(database, id, { count: 100, mostPerDay: 1_000, now });
    });
    expect((await Promise.all(batches)).filter((isLetIn) => isLetIn)).toHaveLength(10);
  });

  it('says that a partner was deleted', async () => {
    await using test = await createTestDatabase();
    await expect(countReceivedKeys(test.database, 1, { count: 1, mostPerDay: 1, now })).rejects.toMatchObject({
      kind: 'not_found',
      code: 'partner_not_found',
    });
  });
});
