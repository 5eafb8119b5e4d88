/** A key as it stands in another authority's file → a key that may be stored, or why not (reference 6.2, step 5). */
import type { DecodedKey } from '../export-file/decode.ts';
import { KEY_LENGTH, type KeyList } from '../export-file/format.ts';
import { intervalsPerDay } from '../publish/interval.ts';
import { reportTypeCodes, reportTypeOfCode, transmissionRiskOf, type ReportType } from '../publish/report-type.ts';
import type { KeptKey, TransformSettings } from '../publish/request.ts';
import { embargoOf, highestRisk, type KeyBounds } from '../publish/validate-key.ts';
import type { Refusal } from './refusal.ts';

/** What keys are held to, and what stands in for what they lack. */
export interface ImportRules extends Pick<
  TransformSettings,
  'maxIntervalAgeSeconds' | 'maxSymptomOnsetDays' | 'releaseSameDayKeys' | 'truncateSeconds'
> {
  /** Of a key that has none. */
  readonly backfillReportType: 'none' | 'confirmed' | 'likely';
  /** Of a key that has none; null = it stays without. */
  readonly backfillOnsetDays: number | null;
}

/** A key that is sound in itself. */
export interface ImportableKey extends Pick<
  KeptKey,
  'key' | 'intervalStart' | 'intervalCount' | 'transmissionRisk' | 'embargo'
> {
  readonly reportType: ReportType;
  /** Null = unknown. */
  readonly daysSinceOnset: number | null;
}

/** What becomes of one key. */
export type Judgement =
  | { readonly accepted: ImportableKey; readonly refusal?: never }
  | { readonly accepted?: never; readonly refusal: Refusal };

/** What a first report, and what a revision may say (reference 6.2, steps 5 and 7). */
const allowedTypes: Readonly<Record<KeyList, readonly ReportType[]>> = {
  keys: ['none', 'confirmed', 'likely', 'user-report'],
  revisedKeys: ['confirmed', 'negative'],
};

/** Judges a key by itself; the first fault counts. A revision may come however late: its key is here or it is not. */
export function judgeKey(
  list: KeyList,
  sent: DecodedKey,
  { rules, bounds }: { readonly rules: ImportRules; readonly bounds: KeyBounds },
): Judgement {
  const reportType = typeOf(sent, rules);
  const refusal =
    formFault(sent) ??
    timeFault(list, sent, bounds) ??
    typeFault(list, sent.reportType, reportType) ??
    onsetFault(sent, rules);
  if (refusal !== undefined) return { refusal };
  const { key, rollingStart: intervalStart, rollingPeriod: intervalCount } = sent;
  return {
    accepted: {
      key,
      intervalStart,
      intervalCount,
      transmissionRisk: transmissionRiskOf(reportType, sent.transmissionRisk ?? 0),
      reportType,
      daysSinceOnset: sent.daysSinceOnset ?? rules.backfillOnsetDays,
      embargo: embargoOf(intervalStart + intervalCount, bounds),
    },
  };
}

function typeOf({ reportType }: DecodedKey, { backfillReportType }: ImportRules): ReportType {
  return reportType === 0 ? backfillReportType : reportTypeOfCode(reportType);
}

function formFault({ key, rollingPeriod, transmissionRisk }: DecodedKey): Refusal | undefined {
  if (key.length !== KEY_LENGTH) return 'key_length';
  if (rollingPeriod < 1 || rollingPeriod > intervalsPerDay) return 'rolling_period';
  const risk = transmissionRisk ?? 0;
  return risk < 0 || risk > Number(highestRisk) ? 'transmission_risk' : undefined;
}

/** A start that is absent reads as 0, which is too old. */
function timeFault(list: KeyList, { rollingStart, rollingPeriod }: DecodedKey, bounds: KeyBounds): Refusal | undefined {
  if (list === 'keys' && rollingStart + rollingPeriod < bounds.earliestEnd) return 'too_old';
  return rollingStart > bounds.current ? 'in_future' : undefined;
}

function typeFault(list: KeyList, code: number, type: ReportType): Refusal | undefined {
  if (code !== 0 && reportTypeCodes[type] !== code) return 'report_type_unknown';
  return allowedTypes[list].includes(type) ? undefined : 'report_type_not_allowed';
}

function onsetFault({ daysSinceOnset }: DecodedKey, { maxSymptomOnsetDays }: ImportRules): Refusal | undefined {
  return Math.abs(daysSinceOnset ?? 0) > maxSymptomOnsetDays ? 'onset_out_of_range' : undefined;
}
