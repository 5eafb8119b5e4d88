/** When windows and batches will have files: pure arithmetic, held against the planner's own. */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/domain/export/batch.ts';
import { batchOutlook, plannedFrom, upcomingWindowOf, upcomingWindows } from '../../../src/domain/export/outlook.ts';
import { publishableThrough, type WindowSchedule } from '../../../src/domain/export/windows.ts';
import { windowStart } from '../../../src/domain/windows.ts';

const at = (time: string) => new Date(`2026-03-15T${time}:00Z`);
const terms = { now: at('10:11'), minWindowAgeSeconds: 5400, truncateSeconds: 3600, isHeld: false };
const schedule: WindowSchedule = {
  periodSeconds: 7200,
  latestEnd: at('06:00'),
  addedAt: null,
  from: null,
  thru: null,
  closedThrough: at('08:00'),
  oldest: at('00:00'),
  limit: 10,
};

describe('the time from which a window is planned', () => {
  it.each([at('08:00'), at('08:30')])('is the first at which the planner reaches its end', (end) => {
    const from = plannedFrom(end, terms);
    const reached = (now: Date) => publishableThrough(now, windowStart(now, terms.truncateSeconds), terms) >= end;
    expect([reached(new Date(from.getTime() - 1)), reached(from)]).toEqual([false, true]);
  });
});

describe('windows to come', () => {
  it('begin where planning stopped, without gap, also after a change of the period', () => {
    const windows = upcomingWindows({ ...schedule, latestEnd: at('07:00') }, at('10:11'), 2);
    expect(windows).toEqual([
      { start: at('07:00'), end: at('08:00') },
      { start: at('08:00'), end: at('10:00') },
      { start: at('10:00'), end: at('12:00') },
      { start: at('12:00'), end: at('14:00') },
    ]);
  });

  it('have each time that is not planned yet in the one that holds it', () => {
    const windows = upcomingWindows(schedule, at('10:11'), 3);
    for (const window of windows) {
      for (const time of [window.start, new Date(window.end.getTime() - 1)]) {
        expect(upcomingWindowOf(time, schedule)).toEqual({ kind: 'window', window });
      }
    }
    expect(upcomingWindowOf(new Date(at('06:00').getTime() - 1), schedule)).toEqual({
      kind: 'passed',
      start: at('06:00'),
    });
    expect(upcomingWindowOf(at('12:00'), { ...schedule, thru: at('12:00') })).toEqual({ kind: 'outside' });
  });
});

describe('a batch that is held back for want of keys', () => {
  it('is built at the latest when the window that ends then is', () => {
    const batch = { status: 'open', notBefore: null, leaseExpires: null, lastError: null, shiftedUntil: at('14:00') };
    expect(batchOutlook(batch as Batch, terms)).toMatchObject({ state: 'shifted', due: at('15:30') });
  });
});
