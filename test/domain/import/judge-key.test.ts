import { describe, expect, it } from 'vitest';
import type { DecodedKey } from '../../../src/domain/export-file/decode.ts';
import { judgeKey, type ImportRules } from '../../../src/domain/import/judge-key.ts';
import { judgeRevision, type StoredKey } from '../../../src/domain/import/judge-revision.ts';
import { importRetrySeconds } from '../../../src/domain/import/retry-delay.ts';
import type { Refusal } from '../../../src/domain/import/refusal.ts';
import { intervalOf } from '../../../src/domain/publish/interval.ts';
import { keyBounds } from '../../../src/domain/publish/validate-key.ts';
import type { ReportType } from '../../../src/domain/publish/report-type.ts';

const now = new Date('2020-05-20T10:11:00Z');
const current = intervalOf(now);
const rules: ImportRules = {
  backfillReportType: 'confirmed',
  backfillOnsetDays: 10,
  maxIntervalAgeSeconds: 15 * 86_400,
  maxSymptomOnsetDays: 14,
  releaseSameDayKeys: false,
  truncateSeconds: 3600,
};
const sent: DecodedKey = {
  key: Buffer.alloc(16, 1),
  transmissionRisk: 3,
  rollingStart: current - 500,
  rollingPeriod: 144,
  reportType: 1,
  daysSinceOnset: 2,
  variantOfConcern: null,
};

function judge(change: Partial<DecodedKey>, list: 'keys' | 'revisedKeys' = 'keys', changed: Partial<ImportRules> = {}) {
  const all = { ...rules, ...changed };
  return judgeKey(list, { ...sent, ...change }, { rules: all, bounds: keyBounds(all, now) });
}

describe('a key of a file', () => {
  it('is taken as it is', () => {
    expect(judge({}).accepted).toEqual({
      key: sent.key,
      intervalStart: sent.rollingStart,
      intervalCount: 144,
      transmissionRisk: 3,
      reportType: 'confirmed',
      daysSinceOnset: 2,
      embargo: null,
    });
  });

  it.each<[string, Partial<DecodedKey>, Partial<DecodedKey>, Refusal]>([
    ['length', { key: Buffer.alloc(16) }, { key: Buffer.alloc(15) }, 'key_length'],
    ['length', {}, { key: Buffer.alloc(17) }, 'key_length'],
    ['period', { rollingPeriod: 1 }, { rollingPeriod: 0 }, 'rolling_period'],
    ['period', { rollingPeriod: 144 }, { rollingPeriod: 145 }, 'rolling_period'],
    ['age', { rollingStart: current - 2160 - 144 }, { rollingStart: current - 2160 - 145 }, 'too_old'],
    ['start that is absent', {}, { rollingStart: 0 }, 'too_old'],
    ['start before 1970', {}, { rollingStart: -5 }, 'too_old'],
    ['future', { rollingStart: current }, { rollingStart: current + 1 }, 'in_future'],
    ['far future', {}, { rollingStart: 2_147_483_647 }, 'in_future'],
    ['risk', { transmissionRisk: 8 }, { transmissionRisk: 9 }, 'transmission_risk'],
    ['risk', { transmissionRisk: null }, { transmissionRisk: -1 }, 'transmission_risk'],
    ['report type', { reportType: 3 }, { reportType: 4 }, 'report_type_unknown'],
    ['report type', { reportType: 2 }, { reportType: 6 }, 'report_type_unknown'],
    ['first report', { reportType: 0 }, { reportType: 5 }, 'report_type_not_allowed'],
    ['onset', { daysSinceOnset: 14 }, { daysSinceOnset: 15 }, 'onset_out_of_range'],
    ['onset', { daysSinceOnset: -14 }, { daysSinceOnset: -15 }, 'onset_out_of_range'],
  ])('is held to its %s', (_rule, edge, refused, refusal) => {
    expect(judge(edge).refusal).toBeUndefined();
    expect(judge(refused)).toEqual({ refusal });
  });

  it('gets what it lacks: type, onset, and the risk of its type', () => {
    const bare = { reportType: 0, daysSinceOnset: null, transmissionRisk: null };
    expect(judge(bare).accepted).toMatchObject({ reportType: 'confirmed', daysSinceOnset: 10, transmissionRisk: 2 });
    const likely = judge(bare, 'keys', { backfillReportType: 'likely', backfillOnsetDays: null });
    expect(likely.accepted).toMatchObject({ reportType: 'likely', daysSinceOnset: null, transmissionRisk: 4 });
    const none = judge(bare, 'keys', { backfillReportType: 'none' });
    expect(none.accepted).toMatchObject({ reportType: 'none', transmissionRisk: 0 });
  });

  it('that is still valid waits for the window after the one in which it ends', () => {
    const start = current - 100;
    const end = new Date((start + 144) * 600_000);
    const { embargo } = judge({ rollingStart: start }).accepted!;
    expect(embargo!.getTime()).toBeGreaterThan(end.getTime());
    expect(embargo!.getTime() - end.getTime()).toBeLessThanOrEqual(3_600_000);
    expect(judge({ rollingStart: current - 144 }).accepted!.embargo).toBeNull();
  });
});

describe('a revised key of a file', () => {
  it.each<[number, Partial<ImportRules>, Refusal | undefined]>([
    [1, {}, undefined],
    [5, {}, undefined],
    [0, {}, undefined],
    [0, { backfillReportType: 'likely' }, 'report_type_not_allowed'],
    [2, {}, 'report_type_not_allowed'],
    [3, {}, 'report_type_not_allowed'],
    [4, {}, 'report_type_unknown'],
  ])('of report type %d with %j: %s', (reportType, changed, refusal) => {
    expect(judge({ reportType }, 'revisedKeys', changed).refusal).toBe(refusal);
  });

  it('may come however late, but not before its key begins', () => {
    expect(judge({ rollingStart: current - 5000 }, 'revisedKeys').refusal).toBeUndefined();
    expect(judge({ rollingStart: current + 1 }, 'revisedKeys')).toEqual({ refusal: 'in_future' });
  });
});

describe('a revision', () => {
  const stored: StoredKey = {
    key: sent.key,
    intervalStart: sent.rollingStart,
    intervalCount: 144,
    reportType: 'likely',
    revisedReportType: null,
    importId: 7,
    isWithdrawn: false,
  };
  const revision = judge({ reportType: 1 }, 'revisedKeys').accepted!;

  it.each<[ReportType, ReportType | null, ReportType, string]>([
    ['likely', null, 'confirmed', 'revise'],
    ['likely', null, 'negative', 'revise'],
    ['none', null, 'confirmed', 'revise'],
    ['user-report', null, 'confirmed', 'revise'],
    ['user-report', null, 'negative', 'revise'],
    ['confirmed', null, 'confirmed', 'unchanged'],
    ['confirmed', null, 'negative', 'invalid_transition'],
    ['likely', 'confirmed', 'confirmed', 'unchanged'],
    ['likely', 'confirmed', 'negative', 'already_revised'],
  ])('of %s, revised to %s, to %s: %s', (reportType, revisedReportType, next, verdict) => {
    const known = { ...stored, reportType, revisedReportType };
    expect(judgeRevision({ ...revision, reportType: next }, known, 7)).toBe(verdict);
  });

  it('comes from the import that brought the key, to the key that it was', () => {
    expect(judgeRevision(revision, undefined, 7)).toBe('unknown_key');
    expect(judgeRevision(revision, stored, 8)).toBe('not_from_this_import');
    expect(judgeRevision(revision, { ...stored, importId: null }, 7)).toBe('not_from_this_import');
    expect(judgeRevision({ ...revision, intervalCount: 143 }, stored, 7)).toBe('interval_mismatch');
    expect(judgeRevision({ ...revision, intervalStart: 1 }, stored, 7)).toBe('interval_mismatch');
  });

  it('is never made of a key that was withdrawn', () => {
    expect(judgeRevision(revision, { ...stored, isWithdrawn: true }, 7)).toBe('withdrawn');
  });
});

describe('a file that fails', () => {
  it('is tried again after a minute, then twice as long up to six hours, and given up after about four days', () => {
    expect([1, 2, 3, 9, 10, 23].map(importRetrySeconds)).toEqual([60, 120, 240, 15_360, 21_600, 21_600]);
    expect(importRetrySeconds(24)).toBeNull();
    const total = Array.from({ length: 23 }, (_, index) => importRetrySeconds(index + 1)!).reduce((a, b) => a + b);
    expect(total / 86_400).toBeGreaterThan(3);
    expect(total / 86_400).toBeLessThan(5);
  });
});
