/** Keys, settings and times for tests of the publish rules. */
import type { KeptKey, SentKey, TransformSettings } from '../../../src/domain/publish/request.ts';

/** The time of the golden vectors. */
export const batchTime = new Date('2021-03-15T13:47:30Z');
export const currentInterval = 2_693_026;
export const midnight = 2_692_944;

/** Defaults of deployed servers. */
export const defaultSettings: TransformSettings = {
  maxKeys: 30,
  maxSameStart: 3,
  maxIntervalAgeSeconds: 15 * 86_400,
  maxSymptomOnsetDays: 14,
  maxValidSymptomOnsetReportDays: 28,
  defaultSymptomOnsetDaysAgo: 4,
  releaseSameDayKeys: false,
  truncateSeconds: 3_600,
};

/** 16 bytes that all are `fill`. */
export function keyBytes(fill: number): Buffer {
  return Buffer.alloc(16, fill);
}

/** A key as sent. */
export function sentKey(fill: number, start: number, period = 144, risk = 0): SentKey {
  return {
    key: keyBytes(fill).toString('base64'),
    rollingStartNumber: start,
    rollingPeriod: period,
    transmissionRisk: BigInt(risk),
  };
}

/** A key that passed. */
export function keptKey(fill: number, start: number, index = fill): KeptKey {
  return {
    index,
    key: keyBytes(fill),
    intervalStart: start,
    intervalCount: 144,
    transmissionRisk: 2,
    daysSinceOnset: 0,
    embargo: null,
  };
}
