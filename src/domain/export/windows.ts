/** Which windows of an export are due: pure arithmetic on times. */

/** Half-open: a key belongs to it when start ≤ created_at < end. */
export interface ExportWindow {
  readonly start: Date;
  readonly end: Date;
}

/** What decides the windows of one export. */
export interface WindowSchedule {
  /** Length of a window in seconds. */
  readonly periodSeconds: number;
  /** End of the newest window planned so far; null when there is none. */
  readonly latestEnd: Date | null;
  /** The export covers windows that reach beyond this; null = no start. */
  readonly from: Date | null;
  /** The export covers windows that begin before this; null = no end. */
  readonly thru: Date | null;
  /** No key can be written before this any more: the newest window end that may be planned. */
  readonly closedThrough: Date;
  /** Windows that end at or before this hold nothing any more. */
  readonly oldest: Date;
  /** Windows at most, the oldest first; the rest is due next time. */
  readonly limit: number;
}

/** Seconds from 0001-01-01 to 1970-01-01: deployed servers count multiples from there (reference 3.1). */
const SECONDS_BEFORE_1970 = 62_135_596_800;

/** The time rounded down to a multiple of `seconds`, counted from 0001-01-01 UTC. */
export function truncateTime(time: Date, seconds: number): Date {
  const sinceYearOne = time.getTime() / 1000 + SECONDS_BEFORE_1970;
  return new Date((Math.floor(sinceYearOne / seconds) * seconds - SECONDS_BEFORE_1970) * 1000);
}

/** Up to when an export may be planned: what has ended so long ago and is closed (reference 3.1). */
export function publishableThrough(
  now: Date,
  closedThrough: Date,
  ages: { readonly minWindowAgeSeconds: number; readonly truncateSeconds: number },
): Date {
  const aged = truncateTime(addSeconds(now, -ages.minWindowAgeSeconds), ages.truncateSeconds);
  return aged < closedThrough ? aged : closedThrough;
}

/**
 * Windows to plan now, oldest first (reference 3.1).
 *
 * The first time it is the newest ended window alone; later all that ended since. A window that does not line up with
 * the newest planned one, because the period was changed, overlaps it rather than leaving a gap.
 */
export function dueWindows(schedule: WindowSchedule): readonly ExportWindow[] {
  const { periodSeconds, latestEnd, closedThrough, oldest, limit } = schedule;
  const newestEnd = truncateTime(closedThrough, periodSeconds);
  const sinceLatest =
    latestEnd === null ? newestEnd : addSeconds(truncateTime(latestEnd, periodSeconds), periodSeconds);
  const sinceOldest = addSeconds(truncateTime(oldest, periodSeconds), periodSeconds);
  const firstEnd = latestEnd !== null && sinceOldest > sinceLatest ? sinceOldest : sinceLatest;
  const windows: ExportWindow[] = [];
  for (let end = firstEnd; end <= newestEnd && windows.length < limit; end = addSeconds(end, periodSeconds)) {
    const window = { start: addSeconds(end, -periodSeconds), end };
    if (isCovered(window, schedule)) windows.push(window);
  }
  return windows;
}

function isCovered(window: ExportWindow, { from, thru }: WindowSchedule): boolean {
  return (from === null || window.end > from) && (thru === null || window.start < thru);
}

function addSeconds(time: Date, seconds: number): Date {
  return new Date(time.getTime() + seconds * 1000);
}
