/** What one publish adds to its health authority's counters (reference 7). */
import { daysBetween, intervalOf } from './interval.ts';
import type { KeptKey } from './request.ts';
import type { SymptomOnset } from './symptom-onset.ts';
import { windowStart } from '../windows.ts';

/** A kind of phone, in the order of its slot. */
export const platforms = ['unknown', 'android', 'ios'] as const;

/** What the User-Agent tells of the phone. */
export type Platform = (typeof platforms)[number];

/** Where each counter stands among a row's slots, from 0. */
export const slots = {
  platforms: 0,
  teks: 3,
  revisions: 4,
  missingOnset: 5,
  tekAge: 6,
  onsetAge: 22,
  end: 52,
} as const;

/** Longest ages that have a slot of their own; the last slot of each holds what is older. */
const oldestTekAge = slots.onsetAge - slots.tekAge - 1;
const oldestOnsetAge = slots.end - slots.onsetAge - 1;

/** What is counted of a publish that wrote something. */
export interface CountedPublish {
  readonly platform: Platform;
  readonly inserted: number;
  readonly revised: number;
  /** Of every key that was kept. */
  readonly keys: readonly KeptKey[];
  readonly onset: SymptomOnset;
  readonly now: Date;
}

/**
 * Slots that go up, each with its number. A publish that revises tells nothing of ages, and neither does an onset
 * that lies ahead.
 */
export function countsOf({ platform, inserted, revised, keys, onset, now }: CountedPublish): Map<number, number> {
  const counts = new Map([
    [slots.platforms + platforms.indexOf(platform), 1],
    [slots.teks, inserted + revised],
  ]);
  if (revised > 0) return counts.set(slots.revisions, 1);
  const today = intervalOf(now);
  const oldest = Math.max(...keys.map(({ intervalStart }) => daysBetween(intervalStart, today)));
  if (oldest >= 0) counts.set(slots.tekAge + Math.min(oldest, oldestTekAge), 1);
  if (onset.isAssumed) return counts.set(slots.missingOnset, 1);
  const since = daysBetween(onset.interval, today);
  return since < 0 ? counts : counts.set(slots.onsetAge + Math.min(since, oldestOnsetAge), 1);
}

/** The hour that a publish counts in: that in which its window begins (reference 7). */
export function statisticsHour(now: Date, { truncateSeconds }: { readonly truncateSeconds: number }): Date {
  return windowStart(windowStart(now, truncateSeconds), 3600);
}
