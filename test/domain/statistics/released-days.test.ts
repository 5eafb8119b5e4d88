import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slots, statisticsHour } from '../../../src/domain/publish/statistics.ts';
import { reduceStatistics, type HourCounts } from '../../../src/domain/statistics/reduce.ts';
import { firstKeptDay, releasedDays } from '../../../src/domain/statistics/released-days.ts';

const settings = { embargoSeconds: 3_600, retentionSeconds: 14 * 86_400, truncateSeconds: 3_600 };
const minimum = 10;

function rangeAt(now: string, change: Partial<typeof settings> = {}): [string, string] {
  const { start, end } = releasedDays(new Date(now), { ...settings, ...change });
  return [start, end].map((time) => time.toISOString().replace('T00:00:00.000Z', '')) as [string, string];
}

describe('the days that may be shown', () => {
  it('end with yesterday once the embargo after its end is over', () => {
    expect(rangeAt('2026-03-15T00:59:59.999Z')[1]).toBe('2026-03-14');
    expect(rangeAt('2026-03-15T01:00:00Z')[1]).toBe('2026-03-15');
    expect(rangeAt('2026-03-15T23:59:59Z')[1]).toBe('2026-03-15');
  });

  it('wait for the end of a window that began on an earlier day', () => {
    const twoDays = { truncateSeconds: 2 * 86_400 };
    const start = statisticsHour(new Date('2026-03-15T12:00:00Z'), twoDays).getTime();
    const lastMoment = new Date(start + 2 * 86_400_000 + 3_599_999).toISOString();
    expect(releasedDays(new Date(lastMoment), { ...settings, ...twoDays }).end.getTime()).toBe(start);
  });

  it('begin with the day whose counters are deleted last', () => {
    expect(rangeAt('2026-03-15T23:59:59Z')[0]).toBe('2026-03-01');
    expect(rangeAt('2026-03-16T00:00:00Z')[0]).toBe('2026-03-02');
    expect(firstKeptDay(new Date('2026-03-15T23:59:59Z'), settings.retentionSeconds)).toEqual(new Date('2026-03-01'));
  });
});

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const first = Date.parse('2026-03-01T00:00:00Z');

/** Publishes of two days, many of them around the midnight between, and how long after its arrival each is counted. */
const publishes = fc.array(
  fc.record({
    at: fc.oneof(
      fc.integer({ min: 0, max: 2 * dayMs - 1 }),
      fc.integer({ min: dayMs - 20 * minuteMs, max: dayMs + 20 * minuteMs }),
    ),
    delay: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: hourMs - 1 })),
    platform: fc.integer({ min: 0, max: 2 }),
  }),
  { minLength: 20, maxLength: 80 },
);
const windows = fc.constantFrom(60, 3_600, 4 * 3_600, 86_400, 2 * 86_400);

/** When somebody looks: every few minutes while the days pass, and every few hours until they are deleted. */
const looks = [
  ...Array.from({ length: 260 }, (_, index) => index * 17 * minuteMs),
  ...Array.from({ length: 100 }, (_, index) => 4 * dayMs + index * 4 * hourMs),
];

interface CountedAt {
  readonly countedAt: number;
  readonly row: HourCounts;
}

function shownAt(now: Date, counted: readonly CountedAt[], change: Partial<typeof settings>): Map<string, bigint> {
  const rows = counted.filter(({ countedAt }) => countedAt <= now.getTime()).map(({ row }) => row);
  const days = releasedDays(now, { ...settings, ...change });
  return new Map(
    reduceStatistics(rows, { days, minimum }).map(({ day, publishes: { unknown, android, ios } }) => [
      day.toISOString(),
      unknown + android + ios,
    ]),
  );
}

describe('the cure of fault 24', () => {
  it('lets no two answers differ by fewer publishes than the minimum, for any day', () => {
    fc.assert(
      fc.property(publishes, windows, (sent, truncateSeconds) => {
        const counted = sent.map(({ at, delay, platform }): CountedAt => {
          const counts = new Array<bigint>(slots.end).fill(0n);
          counts[platform] = 1n;
          const hour = statisticsHour(new Date(first + at), { truncateSeconds });
          return { countedAt: first + at + delay, row: { hour, counts } };
        });
        const answers = looks.map((time) => shownAt(new Date(first + time), counted, { truncateSeconds }));
        for (const [index, answer] of answers.entries()) {
          const before = answers[index - 1] ?? new Map<string, bigint>();
          for (const day of new Set([...before.keys(), ...answer.keys()])) {
            const difference = Math.abs(Number((answer.get(day) ?? 0n) - (before.get(day) ?? 0n)));
            if (difference > 0) expect(difference).toBeGreaterThanOrEqual(minimum);
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});
