/** What time it is, for everything that is decided by stored times. */
import type { Clock } from '../platform/clock.ts';
import type { Queryable } from './database.ts';

/** The one clock: the database's, or the one that a test sets. */
export async function databaseTime(client: Queryable, clock: Clock): Promise<Date> {
  const { rows } = await client.query<{ now: Date }>('select coalesce($1::timestamptz, clock_timestamp()) as now', [
    clock.forDatabase(),
  ]);
  return rows[0]!.now;
}
