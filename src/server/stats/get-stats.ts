/** The use case: a health authority reads how much its certificates were used. */
import { reduceStatistics, type DayStatistics } from '../../domain/statistics/reduce.ts';
import { releasedDays } from '../../domain/statistics/released-days.ts';
import type { Clock } from '../../platform/clock.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Database } from '../../storage/database.ts';
import { readStatistics } from '../../storage/authorities/statistics.ts';
import type { AuthorityCache } from '../publish/authority-cache.ts';
import type { StatsSettings } from './settings.ts';
import { verifyStatsToken } from './token.ts';

/** What the use case depends on. */
export interface GetStatsDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly authorities: AuthorityCache;
  readonly settings: StatsSettings;
}

/**
 * The days that may be shown to who signed the token, oldest first (reference 7).
 * @throws AppError unauthenticated `unauthorized`, forbidden `on_hold`; internal or unavailable when the fault is ours
 */
export async function getStats(token: string, deps: GetStatsDeps): Promise<DayStatistics[]> {
  const { database, clock, authorities, settings } = deps;
  const authority = await verifyStatsToken(token, { authorities, settings, now: clock.now() });
  const days = releasedDays(await databaseTime(database, clock), settings);
  const hours = await readStatistics(database, authority.id, days);
  return reduceStatistics(hours, { days, minimum: settings.uploadMinimum });
}
