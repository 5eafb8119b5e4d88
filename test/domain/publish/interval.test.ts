import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  daysBetween,
  intervalOf,
  startOfInterval,
  utcMidnight,
  windowStart,
} from '../../../src/domain/publish/interval.ts';

const noon = new Date('2021-03-15T13:47:30Z');

describe('intervals', () => {
  it('counts 10 minutes each from 1970', () => {
    expect(intervalOf(noon)).toBe(2_693_026);
    expect(startOfInterval(2_693_026)).toEqual(new Date('2021-03-15T13:40:00Z'));
    expect(utcMidnight(2_693_026)).toBe(2_692_944);
  });

  it('keeps counting beyond 2038 and beyond 32 bits', () => {
    expect(intervalOf(new Date('2038-01-19T03:14:08Z'))).toBe(3_579_139);
    expect(intervalOf(new Date('2106-02-07T06:28:16Z'))).toBe(7_158_278);
    expect(startOfInterval(2 ** 31).getTime()).toBe(2 ** 31 * 600_000);
  });

  it('counts days between midnights, with their sign', () => {
    expect(daysBetween(144, 143)).toBe(-1);
    expect(daysBetween(143, 144)).toBe(1);
    expect(daysBetween(144, 287)).toBe(0);
    expect(daysBetween(-1, 0)).toBe(1);
  });
});

describe('windows', () => {
  it.each([
    [3_600, '2021-03-15T13:00:00Z'],
    [7 * 3_600, '2021-03-15T07:00:00Z'],
    [86_400, '2021-03-15T00:00:00Z'],
    [7 * 86_400, '2021-03-15T00:00:00Z'],
    [1, '2021-03-15T13:47:30Z'],
    [0, '2021-03-15T13:47:30Z'],
  ])('of %i seconds begin where they begin when counted from year 1', (seconds, start) => {
    expect(windowStart(noon, seconds)).toEqual(new Date(start));
  });

  it('hold their time and are counted without a gap', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1990-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
        fc.integer({ min: 1, max: 864_000 }),
        (time, seconds) => {
          const start = windowStart(time, seconds).getTime();
          expect(start).toBeLessThanOrEqual(time.getTime());
          expect(time.getTime() - start).toBeLessThan(seconds * 1000);
          expect(windowStart(new Date(start + seconds * 1000), seconds).getTime()).toBe(start + seconds * 1000);
        },
      ),
    );
  });
});
