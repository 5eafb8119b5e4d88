/** Days as messages. */
import type { DayStatistics } from '../../domain/statistics/reduce.ts';
import type { DayStats } from '../../gen/enmesh/publish/v1/stats.ts';

/** For an answer. */
export function dayToWire(day: DayStatistics): DayStats {
  return {
    day: day.day,
    publishRequests: day.publishes,
    totalTeksPublished: day.teks,
    requestsWithRevisions: day.revisions,
    tekAgeDistribution: [...day.tekAges],
    onsetToUploadDistribution: [...day.onsetAges],
    requestsMissingOnsetDate: day.missingOnset,
  };
}
