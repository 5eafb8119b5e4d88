/** Which days a phone's keys are for. */
import { describe, expect, it } from 'vitest';
import { dayStart, makeKeys } from '../../../src/cli/phone/exposure-keys.ts';

const now = new Date('2021-03-15T13:47:30Z');
/** 2021-03-15T00:00:00Z in intervals (reference 4.9). */
const midnight = 2_692_944;

describe('keys of a phone', () => {
  it('are for the days before today, newest first, so that none is still valid', () => {
    expect(makeKeys(now, { count: 3, today: false }).map((key) => key.rollingStartNumber)).toEqual([
      midnight - 144,
      midnight - 288,
      midnight - 432,
    ]);
  });

  it('begin with today’s when asked', () => {
    expect(makeKeys(now, { count: 2, today: true }).map((key) => key.rollingStartNumber)).toEqual([
      midnight,
      midnight - 144,
    ]);
  });

  it('are for 14 days at most, and then for the same days again', () => {
    const starts = makeKeys(now, { count: 30, today: false }).map((key) => key.rollingStartNumber);
    expect(Math.min(...starts)).toBe(midnight - 14 * 144);
    expect(starts[13]).toBe(midnight - 14 * 144);
    expect(starts[14]).toBe(midnight - 144);
    expect(starts.filter((start) => start === midnight - 144)).toHaveLength(3);
  });

  it('are 16 random bytes for a whole day each', () => {
    const keys = makeKeys(now, { count: 30, today: false });
    expect(new Set(keys.map(({ key }) => key)).size).toBe(30);
    for (const key of keys) {
      expect(Buffer.from(key.key, 'base64')).toHaveLength(16);
      expect(key.rollingPeriod).toBe(144);
    }
  });

  it('count days from UTC midnight, also at its edges', () => {
    expect(dayStart(new Date('2021-03-15T00:00:00Z'), 0)).toBe(midnight);
    expect(dayStart(new Date('2021-03-14T23:59:59.999Z'), 0)).toBe(midnight - 144);
    expect(dayStart(now, 14)).toBe(midnight - 14 * 144);
  });
});
