import { describe, expect, it } from 'vitest';
import { exchangeRetrySeconds, isBreakerOpen } from '../../../src/domain/federation/retry-delay.ts';

describe('the pause after a failure', () => {
  it.each([
    [1, 2],
    [2, 4],
    [3, 8],
    [4, 16],
  ])('is at random after %i failures, below %i seconds', (failures, bound) => {
    expect(exchangeRetrySeconds(failures, 0)).toBe(0);
    expect(exchangeRetrySeconds(failures, 0.5)).toBe(bound / 2);
    expect(exchangeRetrySeconds(failures, 1 - 1e-9)).toBeCloseTo(bound);
  });

  it.each([
    [5, 16, 32],
    [9, 256, 512],
    [10, 450, 900],
    [1_000, 450, 900],
  ])('with an open breaker, after %i failures, is from %i to %i seconds', (failures, least, bound) => {
    expect(exchangeRetrySeconds(failures, 0)).toBe(least);
    expect(exchangeRetrySeconds(failures, 1 - 1e-9)).toBeCloseTo(bound);
  });
});

describe('the breaker', () => {
  it('opens with the fifth failure in a row', () => {
    expect([0, 4, 5, 6].map(isBreakerOpen)).toEqual([false, false, true, true]);
  });
});
