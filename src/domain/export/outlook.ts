/** When windows and batches that have no files yet will have them, and what they wait for. */
import { addSeconds, windowStart } from '../windows.ts';
import type { Batch } from './batch.ts';
import { dueWindows, latestEndOf, type ExportWindow, type WindowSchedule } from './windows.ts';

/**
 * Keys still come in · ended, and not old enough · waits for a worker · a worker has it · failed, and is tried again ·
 * has few keys and is held back · its export is on hold.
 */
export type PlannedState = 'collecting' | 'ageing' | 'due' | 'building' | 'retrying' | 'shifted' | 'on hold';

/** What becomes of a window. */
export interface Outlook {
  readonly state: PlannedState;
  /** When it is built at the earliest; null = not while the export is on hold. */
  readonly due: Date | null;
  /** Why it waits, in words; empty where its state says it all. */
  readonly detail: string;
}

/** What an outlook depends on besides the window. */
export interface OutlookTerms {
  readonly now: Date;
  readonly minWindowAgeSeconds: number;
  readonly truncateSeconds: number;
  readonly isHeld: boolean;
}

const onHold = 'the export is on hold: `enmesh hold export NAME --release` lets it go on';

/** When a window that ends then may be planned: the first moment for which `publishableThrough` reaches its end. */
export function plannedFrom(end: Date, { minWindowAgeSeconds, truncateSeconds }: OutlookTerms): Date {
  const boundary = windowStart(end, truncateSeconds);
  const closed = boundary < end ? addSeconds(boundary, truncateSeconds) : end;
  return addSeconds(closed, minWindowAgeSeconds);
}

/** The outlook of a window that has no batch yet. */
export function windowOutlook(window: ExportWindow, terms: OutlookTerms): Outlook {
  if (terms.isHeld) return { state: 'on hold', due: null, detail: onHold };
  const due = plannedFrom(window.end, terms);
  if (terms.now < window.end) return { state: 'collecting', due, detail: '' };
  return { state: terms.now < due ? 'ageing' : 'due', due, detail: '' };
}

/** The outlook of a batch that is not complete. */
export function batchOutlook(batch: Batch, terms: OutlookTerms): Outlook {
  const { now, isHeld } = terms;
  const isLeased = batch.status === 'pending' && batch.leaseExpires !== null && batch.leaseExpires >= now;
  if (isLeased) return { state: 'building', due: now, detail: '' };
  if (isHeld) return { state: 'on hold', due: null, detail: onHold };
  const due = batch.notBefore !== null && batch.notBefore > now ? batch.notBefore : now;
  if (batch.shiftedUntil !== null) return shifted(batch.shiftedUntil, terms);
  if (batch.lastError === null) return { state: 'due', due, detail: '' };
  const tries = batch.attempts === 1 ? 'try' : 'tries';
  return { state: 'retrying', due, detail: `failed after ${String(batch.attempts)} ${tries}: ${batch.lastError}` };
}

/** It is built as soon as it has keys enough, at the latest with the window that ends then. */
function shifted(until: Date, terms: OutlookTerms): Outlook {
  const detail = 'has few keys, so the keys of the windows that follow join it before it is padded';
  return { state: 'shifted', due: plannedFrom(until, terms), detail };
}

/**
 * Windows of an export that have no batch yet, oldest first: those that may be planned now, those that have ended since,
 * and `ahead` that end in the future. `schedule.limit` holds for those that have ended.
 */
export function upcomingWindows(schedule: WindowSchedule, now: Date, ahead: number): readonly ExportWindow[] {
  const latestEnd = latestEndOf(schedule);
  const ended = dueWindows({ ...schedule, latestEnd, closedThrough: now });
  const newestEnd = windowStart(now, schedule.periodSeconds);
  const future = dueWindows({
    ...schedule,
    latestEnd: latestEnd > newestEnd ? latestEnd : newestEnd,
    closedThrough: addSeconds(newestEnd, (ahead + 1) * schedule.periodSeconds),
    limit: ahead,
  });
  return [...ended, ...future];
}

/** Where a time falls: into a window to come, before every window to come, or outside of the export's life. */
export type WindowOfTime =
  | { readonly kind: 'window'; readonly window: ExportWindow }
  /** `start` of the first window that will still be planned. */
  | { readonly kind: 'passed'; readonly start: Date }
  | { readonly kind: 'outside' };

/** The window in which the keys of a time without batch will be exported. */
export function upcomingWindowOf(time: Date, schedule: WindowSchedule): WindowOfTime {
  const { periodSeconds } = schedule;
  const start = latestEndOf(schedule);
  if (time < start) return { kind: 'passed', start };
  const aligned = windowStart(time, periodSeconds);
  const from = aligned > start ? aligned : start;
  const [window] = dueWindows({
    ...schedule,
    latestEnd: from,
    closedThrough: addSeconds(windowStart(from, periodSeconds), periodSeconds),
    limit: 1,
  });
  return window && window.start <= time && time < window.end ? { kind: 'window', window } : { kind: 'outside' };
}
