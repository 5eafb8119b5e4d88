/** One apply at a time, and nobody reads half of one. */
import type { Queryable } from '../database.ts';

/** The high bits keep it apart from other advisory locks: 7 are windows, 8 planning and padding, 9 indexes. */
const lockKey = (10n << 48n).toString();

/** Takes the lock until the caller's transaction ends. Readers share it. */
export async function lockConfiguration(client: Queryable, mode: 'shared' | 'exclusive'): Promise<void> {
  const lock = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await client.query(`select ${lock}($1::bigint)`, [lockKey]);
}
