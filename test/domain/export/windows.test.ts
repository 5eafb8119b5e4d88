/** Which windows are due. */
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

  it('overlap a newest window that does not line up', () => {
    expect(plan({ latestEnd: at('12-10 09:15') })).toEqual(['12-10 09:00/12-10 10:00']);
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
