/** Which windows are due. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueWindows, publishableThrough, type WindowSchedule } from '../../../src/domain/export/windows.ts';

const HOUR = 3600;

/** `MM-DD HH:MM[:SS]` in 2020, UTC. */
function at(text: string): Date {
  return new Date(`2020-${text.replace(' ', 'T')}${text.length === 11 ? ':00' : ''}Z`);
}

function plan(overrides: Partial<WindowSchedule>): string[] {
  const schedule = {
    periodSeconds: HOUR,
    latestEnd: null,
    addedAt: null,
    from: null,
    thru: null,
    closedThrough: at('12-10 10:00'),
    oldest: at('11-26 10:00'),
    limit: 100,
    ...overrides,
  };
  return dueWindows(schedule).map(({ start, end }) => `${minute(start)}/${minute(end)}`);
}

function minute(time: Date): string {
  return time.toISOString().slice(5, 16).replace('T', ' ');
}

describe('publishable time', () => {
  const ages = { minWindowAgeSeconds: 2 * HOUR, truncateSeconds: HOUR };

  it('is the last boundary that is old enough', () => {
    expect(publishableThrough(at('12-10 12:00'), at('12-10 12:00'), ages)).toEqual(at('12-10 10:00'));
    expect(publishableThrough(at('12-10 11:59:59'), at('12-10 11:00'), ages)).toEqual(at('12-10 09:00'));
  });

  it('is never beyond what is closed', () => {
    expect(publishableThrough(at('12-10 12:00'), at('12-10 07:00'), ages)).toEqual(at('12-10 07:00'));
  });
});

describe('due windows', () => {
  it('are none right after the newest one', () => {
    expect(plan({ latestEnd: at('12-10 10:00') })).toEqual([]);
  });

  it('are one window at the first run, never older ones', () => {
    expect(plan({})).toEqual(['12-10 09:00/12-10 10:00']);
    expect(plan({ periodSeconds: 86_400 })).toEqual(['12-09 00:00/12-10 00:00']);
    expect(plan({ periodSeconds: 600 })).toEqual(['12-10 09:50/12-10 10:00']);
  });

  it('are all since the export was added, when the first run comes late, and one at least', () => {
    expect(plan({ addedAt: at('12-10 07:59') })).toEqual([
      '12-10 07:00/12-10 08:00',
      '12-10 08:00/12-10 09:00',
      '12-10 09:00/12-10 10:00',
    ]);
    expect(plan({ addedAt: at('12-10 08:00') })).toHaveLength(2);
    expect(plan({ addedAt: at('12-10 12:05') })).toEqual(['12-10 09:00/12-10 10:00']);
    expect(plan({ addedAt: at('10-01 00:00'), limit: 1 })).toEqual(['11-26 10:00/11-26 11:00']);
  });

  it('have nothing to do with when the export was added once there is a newest one', () => {
    expect(plan({ addedAt: at('12-10 05:00'), latestEnd: at('12-10 09:00') })).toEqual(['12-10 09:00/12-10 10:00']);
  });

  it('are all that ended since, oldest first', () => {
    expect(plan({ latestEnd: at('12-10 07:00') })).toEqual([
      '12-10 07:00/12-10 08:00',
      '12-10 08:00/12-10 09:00',
      '12-10 09:00/12-10 10:00',
    ]);
  });

  it('of a quarter of an hour end with the hour that is closed', () => {
    expect(plan({ periodSeconds: 900, latestEnd: at('12-10 09:00') })).toEqual([
      '12-10 09:00/12-10 09:15',
      '12-10 09:15/12-10 09:30',
      '12-10 09:30/12-10 09:45',
      '12-10 09:45/12-10 10:00',
    ]);
  });

  it('begin where the newest one ends when that does not line up, and go on with the boundaries', () => {
    expect(plan({ latestEnd: at('12-10 08:15') })).toEqual(['12-10 08:15/12-10 09:00', '12-10 09:00/12-10 10:00']);
    expect(plan({ periodSeconds: 4 * HOUR, latestEnd: at('12-10 06:00'), closedThrough: at('12-10 12:00') })).toEqual([
      '12-10 06:00/12-10 08:00',
      '12-10 08:00/12-10 12:00',
    ]);
    expect(plan({ periodSeconds: 4 * HOUR, latestEnd: at('12-10 09:00') })).toEqual([]);
  });

  it('of a minute stop where windows are closed', () => {
    expect(plan({ periodSeconds: 60, latestEnd: at('12-10 09:58') })).toEqual([
      '12-10 09:58/12-10 09:59',
      '12-10 09:59/12-10 10:00',
    ]);
  });

  it('are none when the newest one lies ahead', () => {
    expect(plan({ latestEnd: at('12-10 23:00') })).toEqual([]);
  });

  it('come in bounded numbers, the oldest first', () => {
    expect(plan({ latestEnd: at('12-10 01:00'), limit: 2 })).toEqual([
      '12-10 01:00/12-10 02:00',
      '12-10 02:00/12-10 03:00',
    ]);
  });

  it('leave out what is deleted already', () => {
    expect(plan({ latestEnd: at('12-01 00:00'), oldest: at('12-10 08:00') })).toEqual([
      '12-10 08:00/12-10 09:00',
      '12-10 09:00/12-10 10:00',
    ]);
  });

  it('begin with the window that reaches beyond the start of the export', () => {
    expect(plan({ latestEnd: at('12-10 07:00'), from: at('12-10 08:30') })).toEqual([
      '12-10 08:00/12-10 09:00',
      '12-10 09:00/12-10 10:00',
    ]);
    expect(plan({ from: at('12-10 10:00') })).toEqual([]);
    expect(plan({ from: at('12-10 09:59:59') })).toEqual(['12-10 09:00/12-10 10:00']);
  });

  it('end with the window in which the export ends', () => {
    expect(plan({ latestEnd: at('12-10 07:00'), thru: at('12-10 08:30') })).toEqual([
      '12-10 07:00/12-10 08:00',
      '12-10 08:00/12-10 09:00',
    ]);
    expect(plan({ thru: at('12-10 09:00') })).toEqual([]);
    expect(plan({ thru: at('12-10 09:00:01') })).toEqual(['12-10 09:00/12-10 10:00']);
  });
});

describe('windows over a history of plannings', () => {
  const minutes = fc.integer({ min: 0, max: 20_000 });
  const step = fc.record({
    periodMinutes: fc.constantFrom(15, 60, 120, 240, 360, 720, 1440),
    passed: fc.integer({ min: -600, max: 3000 }),
    limit: fc.integer({ min: 1, max: 5 }),
  });

  it('never leave a gap or overlap, however periods change and clocks jump, and end at boundaries', () => {
    fc.assert(
      fc.property(minutes, fc.array(step, { minLength: 1, maxLength: 25 }), (first, steps) => {
        let now = at('12-10 00:00').getTime() + first * 60_000;
        let latestEnd: Date | null = null;
        for (const { periodMinutes, passed, limit } of steps) {
          now += passed * 60_000;
          const schedule = {
            periodSeconds: periodMinutes * 60,
            latestEnd,
            addedAt: null,
            from: null,
            thru: null,
            closedThrough: new Date(now),
            oldest: new Date(0),
            limit,
          };
          const windows = dueWindows(schedule);
          expect(windows).toEqual(naiveWindows(schedule));
          for (const { start, end } of windows) {
            if (latestEnd !== null) expect(start).toEqual(latestEnd);
            expect(end.getTime() % (periodMinutes * 60_000)).toBe(0);
            expect(end.getTime()).toBeLessThanOrEqual(now);
            latestEnd = end;
          }
        }
      }),
    );
  });

  it('are those that meet the life of the export, by minutes too', () => {
    const life = fc.record({ from: fc.option(minutes), thru: fc.option(minutes), latest: minutes, until: minutes });
    fc.assert(
      fc.property(life, ({ from, thru, latest, until }) => {
        const time = (value: number): Date => new Date(at('12-10 00:00').getTime() + value * 60_000);
        const schedule = {
          periodSeconds: HOUR,
          latestEnd: time(latest),
          addedAt: null,
          from: from === null ? null : time(from),
          thru: thru === null ? null : time(thru),
          closedThrough: time(until),
          oldest: new Date(0),
          limit: 1000,
        };
        expect(dueWindows(schedule)).toEqual(naiveWindows(schedule));
      }),
    );
  });

  /** Minute by minute: a window ends with each boundary, and holds the minutes since the last one. */
  function naiveWindows({ periodSeconds, latestEnd, from, thru, closedThrough, limit }: WindowSchedule): object[] {
    const period = periodSeconds * 1000;
    const newest = closedThrough.getTime() - (closedThrough.getTime() % period);
    let start = latestEnd?.getTime() ?? newest - period;
    const windows = [];
    for (let minute = start + 60_000; minute <= newest && windows.length < limit; minute += 60_000) {
      if (minute % period !== 0) continue;
      const isLive = (from === null || minute > from.getTime()) && (thru === null || start < thru.getTime());
      if (isLive) windows.push({ start: new Date(start), end: new Date(minute) });
      start = minute;
    }
    return windows;
  }
});
