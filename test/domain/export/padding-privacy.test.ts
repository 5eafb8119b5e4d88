/** Sizes of files over many windows: they say nothing of the real count below the minimum. */
import { describe, expect, it } from 'vitest';
import { paddingAmount, paddingTarget } from '../../../src/domain/export/padding.ts';
import { criticalDistance, kolmogorovSmirnov, seededBelow } from '../../support/distributions.ts';

const rule = { minRecords: 1000, paddingRange: 100, maxRecords: 500_000 };
const windows = 3000;
const realCounts = [1, 2, 7, 14, 100, 333, 500, 998, 999];

/** Sizes of the files of windows with so many real keys. */
type Sizes = (real: number, below: (limit: number) => number) => number;

const padded: Sizes = (real, below) => real + paddingAmount(real, paddingTarget(rule, below));

/** As deployed servers pad: full passes over the real keys (reference 3.3). */
const inPasses: Sizes = (real, below) => Math.ceil(paddingTarget(rule, below) / real) * real;

function largestDistance(sizes: Sizes): number {
  const below = seededBelow(20_201_210);
  const samples = realCounts.map((real) => Array.from({ length: windows }, () => sizes(real, below)));
  return Math.max(...samples.flatMap((a, index) => samples.slice(index + 1).map((b) => kolmogorovSmirnov(a, b))));
}

describe('Export decision 5: the size of a padded file', () => {
  it('has one distribution, whatever the real count below the minimum', () => {
    expect(largestDistance(padded)).toBeLessThan(criticalDistance(windows, windows));
  });

  it('would be found out by this very test if it told of the real count', () => {
    expect(largestDistance(inPasses)).toBeGreaterThan(criticalDistance(windows, windows) * 5);
    expect(largestDistance((real, below) => padded(real, below) + Math.floor(real / 100))).toBeGreaterThan(
      criticalDistance(windows, windows),
    );
  });

  it('takes every value from the minimum to the minimum and the range, equally often', () => {
    const below = seededBelow(7);
    const counts = new Map<number, number>();
    for (let window = 0; window < 101_000; window++) {
      const size = padded(5, below);
      counts.set(size, (counts.get(size) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 101 }, (_, index) => 1000 + index),
    );
    // Chi-square with 100 degrees of freedom exceeds 161 with probability 0.0001.
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(161);
  });
});
