/** The checks on one key, in their fixed order, with the texts that phones know (reference 4.3, 4.4). */
import { addSeconds, windowStart } from '../windows.ts';
import { decodeLenientBase64 } from './base64.ts';
import { intervalOf, intervalsPerDay, startOfInterval, type IntervalNumber } from './interval.ts';
import type { KeptKey, SentKey, TransformSettings } from './request.ts';

/** Bounds in time, the same for all keys of a request. */
export interface KeyBounds {
  /** The interval of the present. */
  readonly current: IntervalNumber;
  /** A key must end here or later. */
  readonly earliestEnd: IntervalNumber;
  readonly releaseSameDayKeys: boolean;
  readonly truncateSeconds: number;
}

/** A key that is sound in itself. */
type ValidKey = Pick<KeptKey, 'key' | 'intervalStart' | 'intervalCount' | 'transmissionRisk' | 'embargo'>;

/** What came out: the key, or why it cannot be imported. */
export type Validation =
  { readonly valid: ValidKey; readonly fault?: never } | { readonly valid?: never; readonly fault: string };

const keyLength = 16;
/** Reference 1. */
export const highestRisk = 8n;

/** The bounds at a time. */
export function keyBounds(
  settings: Pick<TransformSettings, 'maxIntervalAgeSeconds' | 'releaseSameDayKeys' | 'truncateSeconds'>,
  now: Date,
): KeyBounds {
  return {
    current: intervalOf(now),
    earliestEnd: earliestEnd(settings, now),
    releaseSameDayKeys: settings.releaseSameDayKeys,
    truncateSeconds: settings.truncateSeconds,
  };
}

/** The interval that a key must reach with its end, to be accepted and to stay in revision tokens. */
export function earliestEnd(settings: Pick<TransformSettings, 'maxIntervalAgeSeconds'>, now: Date): IntervalNumber {
  return intervalOf(addSeconds(now, -settings.maxIntervalAgeSeconds));
}

/** Checks a key; the first fault counts. */
export function validateKey(sent: SentKey, bounds: KeyBounds): Validation {
  const { bytes: key, fault } = decodeLenientBase64(sent.key);
  if (key === undefined) return { fault };
  const start = sent.rollingStartNumber;
  const count = sent.rollingPeriod;
  const found = lengthFault(key) ?? countFault(count) ?? timeFault(start, count, bounds) ?? riskFault(sent);
  if (found !== undefined) return { fault: found };
  const transmissionRisk = Number(sent.transmissionRisk);
  const embargo = embargoOf(start + count, bounds);
  return { valid: { key, intervalStart: start, intervalCount: count, transmissionRisk, embargo } };
}

function lengthFault(key: Uint8Array): string | undefined {
  if (key.length === keyLength) return undefined;
  return `invalid key length, ${String(key.length)}, must be ${String(keyLength)}`;
}

function countFault(count: number): string | undefined {
  if (count >= 1 && count <= intervalsPerDay) return undefined;
  return `invalid interval count, ${String(count)}, must be >= 1 && <= ${String(intervalsPerDay)}`;
}

function timeFault(start: number, count: number, bounds: KeyBounds): string | undefined {
  const end = start + count;
  if (end < bounds.earliestEnd) {
    const sum = `${String(start)} + ${String(count)} = ${String(end)}`;
    return `key expires before minimum window; ${sum} which is too old, must be >= ${String(bounds.earliestEnd)}`;
  }
  if (start > bounds.current) {
    return `interval number ${String(start)} is in the future, must be <= ${String(bounds.current)}`;
  }
  return undefined;
}

function riskFault({ transmissionRisk: risk }: SentKey): string | undefined {
  if (risk >= 0n && risk <= highestRisk) return undefined;
  return `invalid transmission risk: ${String(risk)}, must be >= 0 && <= ${String(highestRisk)}`;
}

/** A key that is still valid waits for the window that begins after its end, or it could be replayed; null = it need not. */
export function embargoOf(end: IntervalNumber, bounds: KeyBounds): Date | null {
  if (end <= bounds.current || bounds.releaseSameDayKeys) return null;
  return windowStart(addSeconds(startOfInterval(end), bounds.truncateSeconds), bounds.truncateSeconds);
}
