/** Keys that are gone and never to be accepted again, by their keyed hashes. */
import type { Queryable } from '../database.ts';

/** SQL that buries the rows of `gone`, which have key, interval_start and interval_count. */
export function buryGone(maxAgeSeconds: string): string {
  return `insert into tombstones (hash, expires_at)
       select tombstone_hash(s.secret, g.key), tombstone_expiry(g.interval_start, g.interval_count, ${maxAgeSeconds})
         from gone g, tombstone_secret s
       on conflict (hash) do nothing`;
}

/** SQL that notes the rows of `gone` and `marked`, which are withdrawn, for the next copy in the blob store. */
export function noteWithdrawn(maxAgeSeconds: string): string {
  return `insert into withdrawn_hashes (hash, expires_at)
       select tombstone_hash(s.secret, w.key), tombstone_expiry(w.interval_start, w.interval_count, ${maxAgeSeconds})
         from (select * from gone union all select * from marked) w, tombstone_secret s
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

/**
 * Takes the tombstones away of keys that get a row now, as withdrawn.
 * @returns those that had one, and no row
 */
export async function unbury(client: Queryable, keys: readonly Buffer[]): Promise<readonly Buffer[]> {
  const { rows } = await client.query<{ key: Buffer }>({
    name: 'unbury',
    text: `
      with dead as (
        select t.key from tombstoned_keys($1::bytea[]) as t (key)
         where not exists (select from exposures e where e.key = t.key)
      ), unburied as (
        delete from tombstones t using tombstone_secret s, dead d where t.hash = tombstone_hash(s.secret, d.key)
      )
      select key from dead`,
    values: [keys],
  });
  return rows.map(({ key }) => key);
}
