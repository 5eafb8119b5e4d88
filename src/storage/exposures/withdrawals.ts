/** Withdraws stored keys: those that were published go out once more, the others are gone and leave a tombstone. All are noted. */
import { buryGone, noteWithdrawn } from './tombstones.ts';
import type { Queryable } from '../database.ts';

/**
 * SQL that withdraws the rows of `doomed`, which are locked and have key and created_at. $1 is the window that the
 * transaction is in, $2 the age in seconds up to which keys are accepted. Nobody has read a window as late as the
 * transaction's own, nor will before it ends. A revision may have been made in a later one, and comes first.
 */
export const withdrawDoomed = `gone as (
       delete from exposures e using doomed d where e.key = d.key and d.created_at >= $1
       returning e.key, e.interval_start, e.interval_count
     ), buried as (
       ${buryGone('$2')}
     ), marked as (
       update exposures e set withdrawn_at = greatest($1, e.revised_at)
         from doomed d where e.key = d.key and d.created_at < $1
       returning e.key, e.interval_start, e.interval_count
     ), noted as (
       ${noteWithdrawn('$2')}
     )`;

/** Which keys, and when. */
export interface KeysToWithdraw {
  readonly keys: readonly Buffer[];
  /** Only those that this partner brought. */
  readonly partnerId: number;
  /** That the transaction is in, of `enterWindow`. */
  readonly window: Date;
  readonly maxIntervalAgeSeconds: number;
}

/**
 * Withdraws keys that a partner takes back, in the caller's transaction. Those of others, those that are not here and those
 * that are withdrawn already stay as they are.
 * @returns the keys that were withdrawn, as latin1
 */
export async function withdrawKeys(
  client: Queryable,
  { keys, partnerId, window, maxIntervalAgeSeconds }: KeysToWithdraw,
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const { rows } = await client.query<{ key: Buffer }>({
    name: 'withdraw_keys',
    text: `with doomed as (
       select key, created_at from exposures
        where key = any($3::bytea[]) and partner_id = $4 and withdrawn_at is null order by key for update
     ), ${withdrawDoomed}
     select key from gone union all select key from marked`,
    values: [window, maxIntervalAgeSeconds, keys, partnerId],
  });
  return new Set(rows.map(({ key }) => key.toString('latin1')));
}
