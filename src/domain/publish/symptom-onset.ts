/** Which day of first symptoms counts for a publish (reference 4.5). */
import { addSeconds } from '../windows.ts';
import { intervalOf, utcMidnight, type IntervalNumber } from './interval.ts';
import type { TransformSettings } from './request.ts';

/** The day that counts, and whether it had to be assumed. */
export interface SymptomOnset {
  readonly interval: IntervalNumber;
  readonly isAssumed: boolean;
}

const secondsPerDay = 86_400;

/** The first candidate that is neither too long ago nor in the present interval or later; else the default. */
export function selectSymptomOnset(
  candidates: readonly IntervalNumber[],
  settings: Pick<TransformSettings, 'maxValidSymptomOnsetReportDays' | 'defaultSymptomOnsetDaysAgo'>,
  now: Date,
): SymptomOnset {
  const daysAgo = (days: number) => intervalOf(addSeconds(now, -days * secondsPerDay));
  const earliest = utcMidnight(daysAgo(settings.maxValidSymptomOnsetReportDays));
  const current = intervalOf(now);
  const given = candidates.find((candidate) => candidate >= earliest && candidate < current);
  return given === undefined
    ? { interval: daysAgo(settings.defaultSymptomOnsetDaysAgo), isAssumed: true }
    : { interval: given, isAssumed: false };
}
