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
  /** Not sent when it is absent; then it counts as 0. */
  readonly transmissionRisk?: number;
}

const intervalMs = 600_000;

/** Number of the UTC day's first interval, so many days before `now`. */
export function dayStart(now: Date, daysAgo: number): number {
  const day = Math.floor(now.getTime() / (intervalMs * intervalsPerDay));
  return (day - daysAgo) * intervalsPerDay;
}

/** Days that a phone looks back; servers refuse keys that are much older (reference 4.3). */
const daysKept = 14;

/** How keys are made. */
export interface KeyOptions {
  /** Up to 42: servers take three keys of a day (reference 4.7). */
  readonly count: number;
  /** The newest is today's, which is held back by the server while it is valid; yesterday's otherwise. */
  readonly today: boolean;
  /** Ten-minute intervals for which the newest is valid; a whole day when it is absent. */
  readonly newestPeriod?: number;
  /** Of every key; not sent when it is absent. */
  readonly transmissionRisk?: number;
}

/** Makes random keys of whole UTC days, newest first: one a day, and from the 15th on another one of the same days. */
export function makeKeys(now: Date, options: KeyOptions): readonly PhoneKey[] {
  const { count, today, newestPeriod = intervalsPerDay, transmissionRisk } = options;
  const newest = today ? 0 : 1;
  return Array.from({ length: count }, (_, index) => ({
    key: randomBytes(16).toString('base64'),
    rollingStartNumber: dayStart(now, newest + (index % daysKept)),
    rollingPeriod: index === 0 ? newestPeriod : intervalsPerDay,
    ...(transmissionRisk === undefined ? {} : { transmissionRisk }),
  }));
}
