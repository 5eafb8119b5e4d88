/** Counters by the hour → the days that a health authority is shown (reference 7). */
import { slots, type Platform } from '../publish/statistics.ts';
import { startOfDay, type DayRange } from './released-days.ts';

/** Counters of one hour, or of a part of it. */
export interface HourCounts {
  /** Full hour. */
  readonly hour: Date;
  /** One number a slot, in the order of `slots`. */
  readonly counts: readonly bigint[];
}

/** One UTC day. */
export interface DayStatistics {
  /** Midnight at which it begins. */
  readonly day: Date;
  readonly publishes: Readonly<Record<Platform, bigint>>;
  /** Keys inserted or revised. */
  readonly teks: bigint;
  /** Publishes that revised a key. */
  readonly revisions: bigint;
  /** Publishes by age of the oldest key: 0 … 14, at least 15 days. */
  readonly tekAges: readonly bigint[];
  /** Publishes by days since symptom onset: 0 … 28, at least 29. */
  readonly onsetAges: readonly bigint[];
  /** Publishes without symptom onset. */
  readonly missingOnset: bigint;
}

/**
 * Sums hours by UTC day.
 * @param options.days hours outside are left out
 * @param options.minimum a day with fewer publishes is left out, for ever
 * @returns oldest first; there may be gaps
 */
export function reduceStatistics(
  hours: readonly HourCounts[],
  { days, minimum }: { readonly days: DayRange; readonly minimum: number },
): DayStatistics[] {
  const sums = new Map<number, bigint[]>();
  for (const { hour, counts } of hours) {
    if (hour < days.start || hour >= days.end) continue;
    const day = startOfDay(hour).getTime();
    const before = sums.get(day);
    sums.set(
      day,
      counts.map((count, slot) => count + (before?.[slot] ?? 0n)),
    );
  }
  return [...sums]
    .map(([day, counts]) => dayOf(new Date(day), counts))
    .filter(({ publishes: { unknown, android, ios } }) => unknown + android + ios >= minimum)
    .sort((a, b) => a.day.getTime() - b.day.getTime());
}

function dayOf(day: Date, counts: readonly bigint[]): DayStatistics {
  const [unknown = 0n, android = 0n, ios = 0n] = counts.slice(slots.platforms);
  return {
    day,
    publishes: { unknown, android, ios },
    teks: counts[slots.teks] ?? 0n,
    revisions: counts[slots.revisions] ?? 0n,
    tekAges: counts.slice(slots.tekAge, slots.onsetAge),
    onsetAges: counts.slice(slots.onsetAge, slots.end),
    missingOnset: counts[slots.missingOnset] ?? 0n,
  };
}
