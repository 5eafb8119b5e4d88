/** Which windows of an export are due: pure arithmetic on times. */
import { addSeconds, windowStart } from '../windows.ts';

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
  /** When the export was added; null = not known. */
  readonly addedAt: Date | null;
  /** The export covers windows that reach beyond this; null = no start. */
  readonly from: Date | null;
  /** The export covers windows that begin before this; null = no end. */
  readonly thru: Date | null;
  /** No key can be written before this any more: the newest window end that may be planned. */
  readonly closedThrough: Date;
  /** Windows that end at or before this hold nothing that may still be published. */
  readonly oldest: Date;
  /** Windows at most, the oldest first; the rest is due next time. */
  readonly limit: number;
}

/** Up to when an export may be planned: what has ended so long ago and is closed (reference 3.1). */
export function publishableThrough(
  now: Date,
  closedThrough: Date,
  ages: { readonly minWindowAgeSeconds: number; readonly truncateSeconds: number },
): Date {
  const aged = windowStart(addSeconds(now, -ages.minWindowAgeSeconds), ages.truncateSeconds);
  return aged < closedThrough ? aged : closedThrough;
}

/**
 * Windows to plan now, oldest first (reference 3.1).
 *
 * The first time it is the newest ended window, and what ended since the export was added; later all that ended since,
 * from the end of the newest planned one on, so that there is neither gap nor overlap. After a change of the period that
 * end need not be a boundary: then the first window is a short one, up to the next boundary.
 */
export function dueWindows(schedule: WindowSchedule): readonly ExportWindow[] {
  const { periodSeconds, closedThrough, oldest, limit } = schedule;
  const newestEnd = windowStart(closedThrough, periodSeconds);
  const oldestStart = windowStart(oldest, periodSeconds);
  const latestEnd = latestEndOf(schedule);
  let start = latestEnd < oldestStart ? oldestStart : latestEnd;
  const windows: ExportWindow[] = [];
  while (start < newestEnd && windows.length < limit) {
    const end = addSeconds(windowStart(start, periodSeconds), periodSeconds);
    const window = { start, end };
    if (isCovered(window, schedule)) windows.push(window);
    start = end;
  }
  return windows;
}

/**
 * Where planning goes on. Before the first time: with the window that the export was added in, so that no key is left out
 * because the first planner came late; at the latest with the newest ended one.
 */
export function latestEndOf({
  latestEnd,
  addedAt,
  closedThrough,
  periodSeconds,
}: Pick<WindowSchedule, 'latestEnd' | 'addedAt' | 'closedThrough' | 'periodSeconds'>): Date {
  if (latestEnd !== null) return latestEnd;
  const newestStart = addSeconds(windowStart(closedThrough, periodSeconds), -periodSeconds);
  const added = addedAt === null ? newestStart : windowStart(addedAt, periodSeconds);
  return added < newestStart ? added : newestStart;
}

/** A window that reaches beyond `from` or begins before `thru` is exported whole: the keys of that hour belong to the export. */
function isCovered(window: ExportWindow, { from, thru }: WindowSchedule): boolean {
  return (from === null || window.end > from) && (thru === null || window.start < thru);
}
