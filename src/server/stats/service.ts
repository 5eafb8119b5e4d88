/** StatsService over gRPC. */
import type { StatsServiceImplementation } from '../../gen/enmesh/publish/v1/stats.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../storage/database.ts';
import { AuthorityCache } from '../publish/authority-cache.ts';
import { getStats } from './get-stats.ts';
import type { StatsSettings } from './settings.ts';
import { dayToWire } from './wire.ts';

/** What the service is made of. */
export interface StatsServiceDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: StatsSettings;
}

/** Makes the service; nothing is loaded before the first call. */
export function createStatsService({ database, clock, settings }: StatsServiceDeps): StatsServiceImplementation {
  const authorities = new AuthorityCache(database, { clock, seconds: settings.authorityCacheSeconds });
  return {
    async getStats({ token }) {
      const days = await getStats(token, { database, clock, authorities, settings });
      return { days: days.map(dayToWire) };
    },
  };
}
