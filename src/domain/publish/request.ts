/** What a publish asks for, and the limits it is held to. */
import type { IntervalNumber } from './interval.ts';
import type { ReportType } from './report-type.ts';

/** One key as sent: nothing is checked yet. */
export interface SentKey {
  /** Base64, character by character as sent. */
  readonly key: string;
  readonly rollingStartNumber: number;
  readonly rollingPeriod: number;
  readonly transmissionRisk: bigint;
}

/** The part of a request that decides what is stored. */
export interface KeysRequest {
  /** In the request's order. */
  readonly keys: readonly SentKey[];
  /** 0 = not given. */
  readonly symptomOnsetInterval: IntervalNumber;
}

/** What the health authority says of the person; absent where an app needs no certificate. */
export interface DiagnosisClaims {
  readonly reportType: ReportType;
  /** 0 = not given. */
  readonly symptomOnsetInterval: IntervalNumber;
}

/** Limits on keys (reference 9.1). */
export interface TransformSettings {
  readonly maxKeys: number;
  readonly maxSameStart: number;
  readonly maxIntervalAgeSeconds: number;
  readonly maxSymptomOnsetDays: number;
  readonly maxValidSymptomOnsetReportDays: number;
  readonly defaultSymptomOnsetDaysAgo: number;
  /** Keys that are still valid are published at once: test installations only. */
  readonly releaseSameDayKeys: boolean;
  readonly truncateSeconds: number;
}

/** A key that passed every check, as it will be stored. */
export interface KeptKey {
  /** Its position in the request. */
  readonly index: number;
  /** 16 bytes. */
  readonly key: Buffer;
  readonly intervalStart: IntervalNumber;
  readonly intervalCount: number;
  /** With the report type's own where none was sent. */
  readonly transmissionRisk: number;
  readonly daysSinceOnset: number;
  /** Start of the first window that may hold the key, when it is still valid; null = the present one. */
  readonly embargo: Date | null;
}
