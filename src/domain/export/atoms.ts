/** What somebody who has every file can tell apart: keys that are in exactly the same ones. */
import type { KeySelection } from './batch.ts';

/** Real keys, or padding, of a batch that no file can tell apart: of one time, and alike in what filters ask for. */
export interface KeyGroup {
  /** The window that they were published, or revised, in. */
  readonly at: Date;
  readonly regions: readonly string[];
  readonly traveler: boolean;
  readonly keys: number;
  readonly revisedKeys: number;
}

/** What a key must be to be in a file, but for its time. */
export type KeyFilters = Pick<
  KeySelection,
  'inputRegions' | 'excludeRegions' | 'includeTravelers' | 'onlyNonTravelers'
>;

/** Files that hold a key or do not. */
export interface Coverage {
  readonly filters: KeyFilters;
  /** Null = all files of an export, those to come as well. */
  readonly window: { readonly start: Date; readonly end: Date } | null;
  /** What they hold is decided: no padding can be added any more. */
  readonly isDecided: boolean;
}

/** Real keys that are in the same files, and what hides their number there. */
export interface KeyAtom {
  readonly groups: readonly KeyGroup[];
  /** Both lists. */
  readonly real: number;
  readonly padding: number;
}

/**
 * The atoms of a batch that padding can still be added to. Whatever files somebody compares, adds up and subtracts, he
 * ends with atoms: where each hides its number, so do all of them.
 */
export function openAtoms(
  real: readonly KeyGroup[],
  padding: readonly KeyGroup[],
  coverages: readonly Coverage[],
): readonly KeyAtom[] {
  const hidden = new Map<string, number>();
  for (const group of padding) {
    const place = placeOf(group, coverages);
    hidden.set(place, (hidden.get(place) ?? 0) + total(group));
  }
  const decided = coverages.filter(({ isDecided }) => isDecided);
  const groups = real.filter((group) => !decided.some((coverage) => isCovered(group, coverage)));
  const atoms = Map.groupBy(groups, (group) => placeOf(group, coverages));
  return Array.from(atoms, ([place, members]) => ({
    groups: members,
    real: members.reduce((sum, group) => sum + total(group), 0),
    padding: hidden.get(place) ?? 0,
  }));
}

/** Which of the files hold the group. */
function placeOf(group: KeyGroup, coverages: readonly Coverage[]): string {
  return coverages.map((coverage) => (isCovered(group, coverage) ? '1' : '0')).join('');
}

function isCovered(group: KeyGroup, { filters, window }: Coverage): boolean {
  return (window === null || (group.at >= window.start && group.at < window.end)) && passes(group, filters);
}

/** As `storage/key-selection.ts` asks in SQL. */
function passes({ regions, traveler }: KeyGroup, filters: KeyFilters): boolean {
  const isInside = regions.some((region) => filters.inputRegions.includes(region));
  return (
    (isInside || (filters.includeTravelers && traveler)) &&
    !regions.some((region) => filters.excludeRegions.includes(region)) &&
    !(filters.onlyNonTravelers && traveler)
  );
}

function total({ keys, revisedKeys }: KeyGroup): number {
  return keys + revisedKeys;
}
