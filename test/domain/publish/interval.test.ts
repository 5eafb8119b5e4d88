import { describe, expect, it } from 'vitest';
import { daysBetween, intervalOf, startOfInterval, utcMidnight } from '../../../src/domain/publish/interval.ts';

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
