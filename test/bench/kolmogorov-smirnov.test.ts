import { describe, expect, it } from 'vitest';
import { compareSamples } from '../../bench/support/kolmogorov-smirnov.ts';

describe('two samples', () => {
  it('are as far apart as their distribution functions at the worst place', () => {
    expect(compareSamples([1, 2, 3, 4], [1, 2, 3, 4]).distance).toBe(0);
    expect(compareSamples([1, 2, 3, 4], [4, 3, 2, 1]).pValue).toBe(1);
    expect(compareSamples([1, 2, 3, 4], [3, 4, 5, 6]).distance).toBe(0.5);
    expect(compareSamples([1, 2], [3, 4, 5]).distance).toBe(1);
    expect(compareSamples([1, 1, 1, 2], [1, 2, 2, 2]).distance).toBe(0.5);
  });

  it('have the p-value of the tables: 1.358·√(2/n) is 5 %, 1.628·√(2/n) is 1 %', () => {
    const size = 20_000;
    const uniform = Array.from({ length: size }, (_, index) => index / size);
    const shiftedBy = (share: number) => uniform.map((value) => value + share);
    const apart = (factor: number) => compareSamples(uniform, shiftedBy(factor * Math.sqrt(2 / size))).pValue;
    expect(apart(1.358)).toBeCloseTo(0.05, 2);
    expect(apart(1.628)).toBeCloseTo(0.01, 2);
  });
});
