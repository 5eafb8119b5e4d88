/** Counters that go up in the transaction of a publish. */
import { slots } from '../../domain/publish/statistics.ts';

/** What one publish adds to the counters of its health authority. */
export interface Counted {
  readonly authorityId: number;
  /** Start of the hour that it counts in. */
  readonly hour: Date;
  /** Slot, from 0 → number. */
  readonly counts: ReadonlyMap<number, number>;
}

/** What `count_publishes` takes: authorities, hours, and a row of slots for each; ascending, so that no two wait in a circle. */
export function countedArrays(all: readonly (Counted | null)[]): [authorities: string, hours: string, counts: string] {
  const rows = new Map<string, { readonly authorityId: number; readonly hour: number; readonly sums: number[] }>();
  for (const counted of all) {
    if (counted === null) continue;
    const { authorityId, hour } = counted;
    const name = `${String(authorityId)} ${String(hour.getTime())}`;
    const row = rows.get(name) ?? { authorityId, hour: hour.getTime(), sums: new Array<number>(slots.end).fill(0) };
    for (const [slot, number] of counted.counts) row.sums[slot]! += number;
    rows.set(name, row);
  }
  const sorted = [...rows.values()].sort((a, b) => a.authorityId - b.authorityId || a.hour - b.hour);
  return [
    `{${sorted.map(({ authorityId }) => String(authorityId)).join()}}`,
    `{${sorted.map(({ hour }) => `"${new Date(hour).toISOString()}"`).join()}}`,
    `{${sorted.map(({ sums }) => `{${sums.join()}}`).join()}}`,
  ];
}
