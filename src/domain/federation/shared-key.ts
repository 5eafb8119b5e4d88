/** A key as authorities exchange it: what happened to it, what it says, where it belongs and which way it came. */
import type { IntervalNumber } from '../publish/interval.ts';
import type { ReportType } from '../publish/report-type.ts';
import type { AuthorityId } from './authority-id.ts';

/** What happened to a key. In one window a key's events come in this order. */
export const keyEvents = ['published', 'revised', 'withdrawn'] as const;

/** One of {@link keyEvents}. */
export type KeyEvent = (typeof keyEvents)[number];

/** One event of one key. */
export interface SharedKey {
  /** 16 bytes; of a key that came in and is not judged yet, any number. */
  readonly key: Buffer;
  readonly event: KeyEvent;
  readonly intervalStart: IntervalNumber;
  /** 1 to 144. */
  readonly intervalCount: number;
  /** 0 to 8. */
  readonly transmissionRisk: number;
  readonly reportType: ReportType;
  /** −14 to 14; null = unknown. */
  readonly daysSinceOnset: number | null;
  readonly traveler: boolean;
  /** Upper case, ascending; of a key that leaves, those that the partner may see. */
  readonly regions: readonly string[];
  /** The authorities that it came through before its sender, the first one first. */
  readonly path: readonly AuthorityId[];
}
