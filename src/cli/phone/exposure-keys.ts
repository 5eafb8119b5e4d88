/** The keys of a phone: what the operating system hands to the app of a person with a diagnosis. */
import { randomBytes } from 'node:crypto';
import { intervalsPerDay } from '../../domain/publish/interval.ts';

/** A temporary exposure key as a publish request spells it. */
export interface PhoneKey {
  /** 16 bytes, standard base64. */
  readonly key: string;
  /** Ten-minute intervals since 1970. */
  readonly rollingStartNumber: number;
  /** Ten-minute intervals. */
  readonly rollingPeriod: number;
  readonly transmissionRisk: number;
}

const intervalMs = 600_000;

/** Number of the UTC day's first interval, so many days before `now`. */
export function dayStart(now: Date, daysAgo: number): number {
  const day = Math.floor(now.getTime() / (intervalMs * intervalsPerDay));
  return (day - daysAgo) * intervalsPerDay;
}

/** Days that a phone looks back; servers refuse keys that are much older (reference 4.3). */
const daysKept = 14;

/**
 * Makes random keys of whole UTC days, newest first: one a day, and from the 15th on another one of the same days.
 * @param count up to 42: servers take three keys of a day (reference 4.7)
 * @param today the newest is today's, which is still valid and so is held back by the server; yesterday's otherwise
 */
export function makeKeys(count: number, now: Date, today: boolean): readonly PhoneKey[] {
  const newest = today ? 0 : 1;
  return Array.from({ length: count }, (_, index) => ({
    key: randomBytes(16).toString('base64'),
    rollingStartNumber: dayStart(now, newest + (index % daysKept)),
    rollingPeriod: intervalsPerDay,
    transmissionRisk: 0,
  }));
}
