/** Counts verdicts that refuse a key. */
import { isRefusal, type Verdict } from '../../domain/federation/verdict.ts';

/** How many, and how many of each reason. */
export interface RefusedCounts {
  readonly total: number;
  readonly byReason: Readonly<Record<string, number>>;
}

/** Counts them. */
export function refusedAmong(verdicts: readonly Verdict[]): RefusedCounts {
  const byReason: Record<string, number> = {};
  let total = 0;
  for (const verdict of verdicts) {
    if (!isRefusal(verdict)) continue;
    total += 1;
    byReason[verdict] = (byReason[verdict] ?? 0) + 1;
  }
  return { total, byReason };
}
