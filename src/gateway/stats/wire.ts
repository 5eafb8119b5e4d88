/** Between statistics as the gateway knows them and the RPC of the server role. */
import { AppError } from '../../domain/errors.ts';
import type { DayStatistics } from '../../domain/statistics/reduce.ts';
import type { DayStats, StatsServiceClient } from '../../gen/enmesh/publish/v1/stats.ts';
import type { CallLimits } from '../../platform/grpc/client-calls.ts';

/** The server role, as the gateway asks it for statistics. */
export type StatsClient = StatsServiceClient<CallLimits>;

/**
 * Asks the server role.
 * @param token compact JWS of the health authority
 * @throws AppError that role's refusal or failure; an AbortError when `signal` is aborted
 */
export async function getStats(
  client: StatsClient,
  token: string,
  limits: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<DayStatistics[]> {
  const { days } = await client.getStats({ token }, limits);
  return days.map(dayFromWire);
}

function dayFromWire(message: DayStats): DayStatistics {
  const { day, publishRequests: publishes } = message;
  if (!day || !publishes) throw new AppError('internal', 'internal_error', 'statistics of no day');
  return {
    day,
    publishes,
    teks: message.totalTeksPublished,
    revisions: message.requestsWithRevisions,
    tekAges: message.tekAgeDistribution,
    onsetAges: message.onsetToUploadDistribution,
    missingOnset: message.requestsMissingOnsetDate,
  };
}
