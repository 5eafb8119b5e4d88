/** Keys that are gone and never to be accepted again, by their keyed hashes. */
import type { Queryable } from '../database.ts';

/** SQL that buries the rows of `gone`, which have key, interval_start and interval_count. */
export function buryGone(maxAgeSeconds: string): string {
  return `insert into tombstones (hash, expires_at)
       select tombstone_hash(s.secret, g.key), tombstone_expiry(g.interval_start, g.interval_count, ${maxAgeSeconds})
         from gone g, tombstone_secret s
       on conflict (hash) do nothing`;
}

/**
 * Takes out again, of keys that the transaction has stored, those that are never to be accepted. After storing and not
 * before: to store a key may have meant to wait for the transaction that buried it.
 * @returns the keys that went, as latin1
 */
export async function dropTombstoned(client: Queryable, keys: readonly Buffer[]): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const { rows } = await client.query<{ key: Buffer }>({
    name: 'drop_tombstoned',
    text: `
      with dead as (
        select key from tombstoned_keys($1::bytea[]) as key
      ), dropped as (
        delete from exposures e using dead d where e.key = d.key
      )
      select key from dead`,
    values: [keys],
  });
  return new Set(rows.map(({ key }) => key.toString('latin1')));
}

/** @returns those of the keys that are never to be accepted again, as latin1 */
export async function tombstonedKeys(client: Queryable, keys: readonly Buffer[]): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const { rows } = await client.query<{ key: Buffer }>({
    name: 'tombstoned_keys',
    text: 'select key from tombstoned_keys($1::bytea[]) as key',
    values: [keys],
  });
  return new Set(rows.map(({ key }) => key.toString('latin1')));
}
