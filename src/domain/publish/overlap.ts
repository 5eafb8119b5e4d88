/** Which keys of one request may overlap in time (reference 4.7). */
import type { KeptKey } from './request.ts';

type Validity = Pick<KeptKey, 'intervalStart' | 'intervalCount'>;

/**
 * Keys of one start may overlap, up to a number; any other overlap is a fault.
 * @param keys sorted by start, then count
 * @returns the first fault's text, or undefined
 */
export function overlapFault(keys: readonly Validity[], maxSameStart: number): string | undefined {
  return alignmentFault(keys) ?? countFault(keys, maxSameStart);
}

function alignmentFault(keys: readonly Validity[]): string | undefined {
  let previous: { readonly start: number; readonly end: number } | undefined;
  for (const { intervalStart: start, intervalCount: count } of keys) {
    if (previous !== undefined && start > previous.start && start < previous.end) {
      const good = `good from ${String(previous.start)} to ${String(previous.end)}`;
      return `exposure keys have non aligned overlapping intervals. ${String(start)} overlaps with previous key that is ${good}.`;
    }
    // Sorted by count within a start: the last key of a start is its longest.
    previous = { start, end: start + count };
  }
  return undefined;
}

function countFault(keys: readonly Validity[], maxSameStart: number): string | undefined {
  const counts = new Map<number, number>();
  for (const { intervalStart } of keys) counts.set(intervalStart, (counts.get(intervalStart) ?? 0) + 1);
  for (const [start, count] of counts) {
    if (count > maxSameStart) {
      return `too many overlapping keys for start interval: ${String(start)} want: <= ${String(maxSameStart)}, got: ${String(count)}`;
    }
  }
  return undefined;
}
