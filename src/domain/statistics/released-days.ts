/** Which days a health authority may see: whole days alone, each when nothing can change it any more. */
import { statisticsHour } from '../publish/statistics.ts';
import { addSeconds } from '../windows.ts';

/** Days as [start, end). */
export interface DayRange {
  /** Midnight of the first day, UTC. */
  readonly start: Date;
  /** Midnight after the last day. */
  readonly end: Date;
}

/** What decides about it, in seconds. */
export interface ReleaseSettings {
  /** From the end of a day until it is shown: longer than any publish runs, and than clocks differ. */
  readonly embargoSeconds: number;
  /** Counters are deleted by whole days once they are older. */
  readonly retentionSeconds: number;
  /** A publish counts for the hour in which its window began, which may be another day. */
  readonly truncateSeconds: number;
}

/**
 * Days that are complete and not yet due for deletion. Today is never among them, and a day stays as it was first shown
 * until it is gone as a whole: two answers never differ by single publishes (reference 10, 24).
 */
export function releasedDays(now: Date, settings: ReleaseSettings): DayRange {
  const settled = addSeconds(now, -settings.embargoSeconds);
  const end = startOfDay(statisticsHour(settled, settings));
  return { start: firstKeptDay(now, settings.retentionSeconds), end };
}

/** Midnight of the oldest day whose counters are kept; what is older is deleted (reference 6.1). */
export function firstKeptDay(now: Date, retentionSeconds: number): Date {
  return startOfDay(addSeconds(now, -retentionSeconds));
}

const dayMs = 86_400_000;

/** Midnight UTC at or before a time. */
export function startOfDay(time: Date): Date {
  return new Date(Math.floor(time.getTime() / dayMs) * dayMs);
}
