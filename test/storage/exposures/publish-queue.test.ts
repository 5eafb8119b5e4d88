import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { Database } from '../../../src/storage/database.ts';
import type { NewKeys, PublishFacts } from '../../../src/storage/exposures/exposures.ts';
import { PublishQueue } from '../../../src/storage/exposures/publish-queue.ts';
import { insertAuthority } from '../../support/authority.ts';
import { createTestDatabase } from '../../support/postgres.ts';

const hour = new Date('2026-11-22T07:00:00Z');

function factsOf(change: Partial<PublishFacts> = {}): PublishFacts {
  const receipt = { certificateHash: randomBytes(32), contentHash: randomBytes(32), expiresAt: hour };
  return {
    now: null,
    receipt,
    interval: 2_990_000,
    appId: 1,
    authorityId: 1,
    reportType: 'confirmed',
    traveler: false,
    regions: ['AA'],
    ...change,
  };
}

function newKeys(count: number, change: Partial<NewKeys> = {}): NewKeys {
  const keys = Array.from({ length: count }, (_, index) => ({
    index,
    key: randomBytes(16),
    intervalStart: 2_980_000 + index * 144,
    intervalCount: 144,
    transmissionRisk: 2,
    daysSinceOnset: index,
    embargo: null,
  }));
  const counts = new Map([
    [0, 1],
    [3, count],
  ]);
  return { keys, tokens: Buffer.alloc(count, 1), counted: { authorityId: 1, hour, counts }, ...change };
}

async function transactions(database: Database): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    'select count(distinct xmin::text)::integer as n from exposures',
  );
  return rows[0]!.n;
}

async function stored(database: Database): Promise<string[]> {
  const { rows } = await database.query<{ key: Buffer }>('select key from exposures order by key');
  return rows.map(({ key }) => key.toString('hex'));
}

describe('publishes that come at the same time', () => {
  it('are written in few transactions, each key with the facts of its own publish', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    const publishes = Array.from({ length: 20 }, (_, index) => ({
      facts: factsOf({ traveler: index % 2 === 0, reportType: index % 3 === 0 ? 'likely' : 'confirmed' }),
      keys: newKeys(1 + (index % 5)),
    }));
    const written = await Promise.all(publishes.map(({ facts, keys }) => queue.insert(facts, keys)));
    expect(written).toEqual(publishes.map(() => true));
    expect(await transactions(test.database)).toBe(1);
    const { rows } = await test.database.query<{ key: Buffer; traveler: boolean; report_type: number; start: number }>(
      'select key, traveler, report_type, interval_start as start from exposures',
    );
    const expected = publishes.flatMap(({ facts, keys }) =>
      keys.keys.map(({ key, intervalStart }) =>
        [key.toString('hex'), facts.traveler, facts.reportType === 'likely' ? 2 : 1, intervalStart].join(),
      ),
    );
    expect(
      rows.map((row) => [row.key.toString('hex'), row.traveler, row.report_type, row.start].join()).sort(),
    ).toEqual(expected.sort());
    const receipts = await test.database.query('select from receipts');
    expect(receipts.rowCount).toBe(20);
  });

  it('are counted together, in the transaction that writes them', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    await Promise.all(Array.from({ length: 10 }, () => queue.insert(factsOf(), newKeys(3))));
    const { rows } = await test.database.query<{ publishes: string; keys: string }>(
      'select sum(counts[1]) as publishes, sum(counts[4]) as keys from health_authority_stats',
    );
    expect(rows).toEqual([{ publishes: '10', keys: '30' }]);
  });

  it('are none of them written when one has a known key, and count nothing; each is told to look for itself', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    const first = newKeys(2);
    expect(await queue.insert(factsOf(), first)).toBe(true);
    const before = await stored(test.database);
    const written = await Promise.all([
      queue.insert(factsOf(), newKeys(2)),
      queue.insert(factsOf(), { ...newKeys(1), keys: first.keys.slice(1) }),
    ]);
    expect(written).toEqual([false, false]);
    expect(await stored(test.database)).toEqual(before);
    const { rows } = await test.database.query<{ n: string }>('select sum(counts[1]) as n from health_authority_stats');
    expect(rows).toEqual([{ n: '1' }]);
  });

  it('are none of them written when one was answered before', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    const facts = factsOf();
    await queue.insert(facts, newKeys(1));
    expect(await Promise.all([queue.insert(facts, newKeys(1)), queue.insert(factsOf(), newKeys(1))])).toEqual([
      false,
      false,
    ]);
    expect(await stored(test.database)).toHaveLength(1);
  });

  it('do not fail for a fault of one of them', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    const tooLarge = newKeys(1);
    const poison = { ...tooLarge, keys: tooLarge.keys.map((key) => ({ ...key, intervalCount: 1_000_000 })) };
    const [good, bad] = await Promise.all([queue.insert(factsOf(), newKeys(1)), queue.insert(factsOf(), poison)]);
    expect([good, bad]).toEqual([false, false]);
    await expect(queue.insert(factsOf(), poison)).rejects.toMatchObject({ kind: 'internal' });
  });

  it('are written apart when they are of different apps, and in turns when they are very many', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    const many = Array.from({ length: 100 }, (_, index) =>
      queue.insert(factsOf({ appId: 1 + (index % 2) }), newKeys(1)),
    );
    expect((await Promise.all(many)).every(Boolean)).toBe(true);
    expect(await transactions(test.database)).toBe(4);
    const { rows } = await test.database.query<{ app_id: number; n: number }>(
      'select app_id, count(*)::integer as n from exposures group by app_id order by app_id',
    );
    expect(rows).toEqual([
      { app_id: 1, n: 50 },
      { app_id: 2, n: 50 },
    ]);
  });

  it('all fail as unavailable when the database does, and the queue goes on when it is back', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    let isDown = true;
    const queue = new PublishQueue({
      query: async (...query) => {
        if (isDown) throw new AppError('unavailable', 'unavailable', 'the database does not answer; try again later');
        return await test.database.query(...query);
      },
    });
    const results = await Promise.allSettled([
      queue.insert(factsOf(), newKeys(1)),
      queue.insert(factsOf(), newKeys(1)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isDown = false;
    expect(await queue.insert(factsOf(), newKeys(1))).toBe(true);
  });

  it('without a certificate have no receipt, and are not counted', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    const queue = new PublishQueue(test.database);
    const facts = factsOf({ receipt: null, authorityId: null, reportType: 'none' });
    const written = await Promise.all([
      queue.insert(facts, newKeys(1, { counted: null })),
      queue.insert(factsOf(), newKeys(1)),
      queue.insert(facts, newKeys(1, { counted: null })),
    ]);
    expect(written).toEqual([true, true, true]);
    const receipts = await test.database.query('select from receipts');
    expect(receipts.rowCount).toBe(1);
  });
});
