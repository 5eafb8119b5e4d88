import { expect, it } from 'vitest';
import { judgeChange, type StoredKey } from '../../../src/domain/federation/judge-change.ts';
import type { SoundKey } from '../../../src/domain/federation/judge-key.ts';
import type { ReportType } from '../../../src/domain/publish/report-type.ts';

const key = Buffer.alloc(16, 1);
const stored: StoredKey = {
  key,
  intervalStart: 2_900_000,
  intervalCount: 144,
  reportType: 'likely',
  revisedReportType: null,
  partnerId: 7,
  isWithdrawn: false,
};
const revised: SoundKey = {
  key,
  event: 'revised',
  intervalStart: 2_900_000,
  intervalCount: 144,
  transmissionRisk: 2,
  reportType: 'confirmed',
  daysSinceOnset: null,
  traveler: false,
  origin: { regions: ['BB'], provenance: ['i#s'] },
  embargo: null,
};
const withdrawn = { event: 'withdrawn', key } as const;

it.each<[ReportType, ReportType | null, ReportType, string]>([
  ['likely', null, 'confirmed', 'revise'],
  ['likely', null, 'negative', 'revise'],
  ['none', null, 'confirmed', 'revise'],
  ['user-report', null, 'likely', 'revise'],
  ['likely', null, 'likely', 'known'],
  ['likely', 'confirmed', 'confirmed', 'known'],
  ['confirmed', null, 'negative', 'revision'],
  ['likely', 'confirmed', 'negative', 'revision'],
  ['none', null, 'likely', 'revision'],
])('a key that was %s, then %s, and is now said to be %s: %s', (reportType, revisedReportType, said, verdict) => {
  const known = { ...stored, reportType, revisedReportType };
  expect(judgeChange({ ...revised, reportType: said }, known, 7)).toBe(verdict);
});

it('a key that is not here waits', () => {
  expect(judgeChange(revised, undefined, 7)).toBe('unknown_key');
  expect(judgeChange(withdrawn, undefined, 7)).toBe('unknown_key');
});

it.each([[8], [null]])('a key of %s is not changed by another partner', (partnerId) => {
  expect(judgeChange(revised, { ...stored, partnerId }, 7)).toBe('not_from_sender');
  expect(judgeChange(withdrawn, { ...stored, partnerId }, 7)).toBe('not_from_sender');
});

it('a key with another place in time is not revised', () => {
  expect(judgeChange({ ...revised, intervalStart: 2_900_001 }, stored, 7)).toBe('interval_mismatch');
  expect(judgeChange({ ...revised, intervalCount: 143 }, stored, 7)).toBe('interval_mismatch');
});

it('a key is withdrawn once, even after its revision, and never revised after that', () => {
  expect(judgeChange(withdrawn, stored, 7)).toBe('withdraw');
  expect(judgeChange(withdrawn, { ...stored, revisedReportType: 'confirmed' }, 7)).toBe('withdraw');
  expect(judgeChange(withdrawn, { ...stored, isWithdrawn: true }, 7)).toBe('known');
  expect(judgeChange(revised, { ...stored, isWithdrawn: true }, 7)).toBe('withdrawn');
});

it('a change that came over another way before is known, and any other is refused', () => {
  const changed = { ...stored, partnerId: 8, revisedReportType: 'confirmed' } as const;
  expect(judgeChange(revised, changed, 7)).toBe('known');
  expect(judgeChange({ ...revised, intervalCount: 143 }, changed, 7)).toBe('not_from_sender');
  expect(judgeChange({ ...revised, reportType: 'negative' }, changed, 7)).toBe('not_from_sender');
  expect(judgeChange(withdrawn, { ...stored, partnerId: 8, isWithdrawn: true }, 7)).toBe('known');
});
