/** Arithmetic of 10-minute intervals; plain numbers, so no 32-bit limit applies. */

/** Count of 10-minute intervals since 1970-01-01T00:00:00Z. */
export type IntervalNumber = number;

/** Intervals in a UTC day, and the longest validity of a key (reference 1). */
export const intervalsPerDay = 144;

const secondsPerInterval = 600;

/** The interval that a time lies in. */
export function intervalOf(time: Date): IntervalNumber {
  return Math.floor(time.getTime() / 1000 / secondsPerInterval);
}

/** When an interval begins. */
export function startOfInterval(interval: IntervalNumber): Date {
  return new Date(interval * secondsPerInterval * 1000);
}

/** First interval of the UTC day that an interval lies in. */
export function utcMidnight(interval: IntervalNumber): IntervalNumber {
  return Math.floor(interval / intervalsPerDay) * intervalsPerDay;
}

/** Whole UTC days from `a` to `b`, both first taken back to their midnight; the day before is -1 (reference 4.1). */
export function daysBetween(a: IntervalNumber, b: IntervalNumber): number {
  return (utcMidnight(b) - utcMidnight(a)) / intervalsPerDay;
}
