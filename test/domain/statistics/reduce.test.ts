import { describe, expect, it } from 'vitest';
import { slots } from '../../../src/domain/publish/statistics.ts';
import { reduceStatistics, type HourCounts } from '../../../src/domain/statistics/reduce.ts';

const days = { start: new Date('2026-03-01'), end: new Date('2026-03-04') };

function hour(time: string, changes: Record<number, number>): HourCounts {
  const counts = new Array<bigint>(slots.end).fill(0n);
  for (const [slot, count] of Object.entries(changes)) counts[Number(slot)] = BigInt(count);
  return { hour: new Date(time), counts };
}

function shown(hours: readonly HourCounts[], minimum = 10): string[] {
  return reduceStatistics(hours, { days, minimum }).map(({ day }) => day.toISOString().slice(0, 10));
}

describe('statistics by the day', () => {
  it('sum the hours of each UTC day, number by number', () => {
    const hours = [
      hour('2026-03-01T00:00:00Z', { 0: 1, 1: 2, 2: 3, 3: 40, 4: 5, 5: 6, 6: 7, 21: 8, 22: 9, 51: 10 }),
      hour('2026-03-01T23:00:00Z', { 0: 10, 1: 20, 2: 30, 3: 400, 4: 50, 5: 60, 6: 70, 21: 80, 22: 90, 51: 100 }),
    ];
    expect(reduceStatistics(hours, { days, minimum: 10 })).toEqual([
      {
        day: new Date('2026-03-01'),
        publishes: { unknown: 11n, android: 22n, ios: 33n },
        teks: 440n,
        revisions: 55n,
        missingOnset: 66n,
        tekAges: [77n, ...new Array<bigint>(14).fill(0n), 88n],
        onsetAges: [99n, ...new Array<bigint>(28).fill(0n), 110n],
      },
    ]);
  });

  it('decision 12: show a day of the minimum, over all platforms, and hide one of fewer', () => {
    const full = hour('2026-03-01T10:00:00Z', { 0: 3, 1: 3, 2: 4 });
    const scarce = hour('2026-03-02T10:00:00Z', { 0: 3, 1: 3, 2: 3, 3: 1_000, 5: 1_000 });
    expect(shown([full, scarce])).toEqual(['2026-03-01']);
    expect(shown([full, scarce], 11)).toEqual([]);
  });

  it('decision 12: hide a day below the minimum for ever, however long ago it was', () => {
    expect(
      reduceStatistics([hour('2020-01-01T10:00:00Z', { 0: 1 })], {
        days: { start: new Date('2020-01-01'), end: new Date('2026-03-04') },
        minimum: 10,
      }),
    ).toEqual([]);
  });

  it('come oldest first, with gaps, and with nothing from outside the days', () => {
    const times = ['2026-03-04T00:00:00Z', '2026-03-03T23:00:00Z', '2026-02-28T23:00:00Z', '2026-03-01T00:00:00Z'];
    expect(shown(times.map((time) => hour(time, { 1: 10 })))).toEqual(['2026-03-01', '2026-03-03']);
  });

  it('of nothing are nothing', () => {
    expect(shown([])).toEqual([]);
  });

  it('stay exact beyond what a double can count', () => {
    const counts = new Array<bigint>(slots.end).fill(2n ** 62n);
    const [day] = reduceStatistics([{ hour: days.start, counts }], { days, minimum: 10 });
    expect(day?.teks).toBe(2n ** 62n);
  });
});
