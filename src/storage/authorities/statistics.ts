/** Counters of publishes by health authority and hour. */
import { slots } from '../../domain/publish/statistics.ts';
import type { HourCounts } from '../../domain/statistics/reduce.ts';
import type { DayRange } from '../../domain/statistics/released-days.ts';
import type { Queryable } from '../database.ts';

/** An authority's counters in [start, end): one row for each hour that has any, oldest first. */
export async function readStatistics(
  database: Queryable,
  authorityId: number,
  { start, end }: DayRange,
): Promise<HourCounts[]> {
  const { rows } = await database.query<{ hour: Date; counts: string[] }>({
    name: 'read_statistics',
    text: readStatisticsSql,
    values: [authorityId, start, end],
  });
  return rows.map(({ hour, counts }) => ({ hour, counts: counts.map(BigInt) }));
}

/** Each slot by itself: to take the rows apart with unnest costs several times as much. */
const sums = Array.from({ length: slots.end }, (_, slot) => `sum(counts[${String(slot + 1)}])::bigint`);

/** Shards are summed here: what leaves is 52 numbers an hour, however many connections counted. */
const readStatisticsSql = `
select hour, array[${sums.join()}] as counts
  from health_authority_stats
 where health_authority_id = $1 and hour >= $2 and hour < $3
 group by hour
 order by hour`;

/** Deletes counters of hours before a day. One statement: a day is there as a whole, or not at all. */
export async function deleteStatistics(database: Queryable, before: Date): Promise<number> {
  const { rowCount } = await database.query('delete from health_authority_stats where hour < $1', [before]);
  return rowCount ?? 0;
}
