/** How much padding, which key version, and when again. */
import { describe, expect, it } from 'vitest';
import { nextKeyVersion } from '../../../src/domain/export/key-version.ts';
import { paddingAmount, paddingTarget } from '../../../src/domain/export/padding.ts';
import { retryDelaySeconds } from '../../../src/domain/export/retry-delay.ts';

describe('padding', () => {
  const rule = { minRecords: 1000, paddingRange: 100, maxRecords: 500_000 };

  it('aims between the minimum and the minimum plus the range, both included', () => {
    expect(paddingTarget(rule, () => 0)).toBe(1000);
    expect(paddingTarget(rule, (limit) => limit - 1)).toBe(1100);
  });

  it('never aims above what one file holds', () => {
    expect(paddingTarget({ ...rule, maxRecords: 1050 }, () => 51)).toBe(1050);
    expect(paddingTarget({ ...rule, maxRecords: 10 }, () => 0)).toBe(10);
  });

  it('adds what is missing, whatever the number of real keys', () => {
    expect(paddingAmount(1, 1042)).toBe(1041);
    expect(paddingAmount(1041, 1042)).toBe(1);
    expect(paddingAmount(1042, 1042)).toBe(0);
    expect(paddingAmount(5000, 1042)).toBe(0);
  });
});

describe('key versions', () => {
  it('count a trailing number up', () => {
    expect(nextKeyVersion('v1')).toBe('v2');
    expect(nextKeyVersion('v9')).toBe('v10');
    expect(nextKeyVersion('2020-09')).toBe('2020-10');
    expect(nextKeyVersion('310')).toBe('311');
  });

  it('append a number where there is none', () => {
    expect(nextKeyVersion('main')).toBe('main-2');
    expect(nextKeyVersion('main-2')).toBe('main-3');
  });
});

describe('the wait after a failure', () => {
  it('doubles from five seconds to a quarter of an hour', () => {
    expect([1, 2, 3, 8, 9, 1000].map(retryDelaySeconds)).toEqual([5, 10, 20, 640, 900, 900]);
  });
});
