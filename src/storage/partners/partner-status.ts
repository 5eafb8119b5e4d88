/** What is known of a partner beside the exchanges that we drive: what it did with us, and how much of it is here. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** Where a partner stands with us. */
export interface PartnerFacts {
  /** When it read, and when it pushed, the last time; null = never. */
  readonly readAt: Date | null;
  readonly pushedAt: Date | null;
  /** Keys that came from it today (UTC), whichever way. */
  readonly receivedToday: number;
}

/** Facts of all partners, by their id. */
export async function partnerFacts(database: Queryable, clock: Clock): Promise<ReadonlyMap<number, PartnerFacts>> {
  const { rows } = await database.query<PartnerFacts & { readonly id: number }>(
    `select id, read_at as "readAt", pushed_at as "pushedAt",
            case when quota_day = (coalesce($1::timestamptz, clock_timestamp()) at time zone 'UTC')::date
                 then quota_keys else 0 end::float8 as "receivedToday"
       from partners`,
    [clock.forDatabase()],
  );
  return new Map(rows.map(({ id, ...facts }) => [id, facts]));
}

/** Counting goes no further: it takes some seconds then. */
const mostCounted = 10_000_000;

/** Keys that came from a partner and are stored, 10,000,000 at most. */
export async function countStoredKeys(database: Queryable, partnerId: number): Promise<number> {
  const { rows } = await database.query<{ keys: number }>(
    `select count(*)::float8 as keys from (select from exposures where partner_id = $1 limit ${String(mostCounted)}) as k`,
    [partnerId],
  );
  return rows[0]?.keys ?? 0;
}
