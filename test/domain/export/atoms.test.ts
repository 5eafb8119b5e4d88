/** What somebody who has every file can tell apart. */
import { describe, expect, it } from 'vitest';
import { openAtoms, type Coverage, type KeyFilters, type KeyGroup } from '../../../src/domain/export/atoms.ts';

const hour = (value: number): Date => new Date(Date.UTC(2020, 11, 10, value));

function group(fields: Partial<KeyGroup>): KeyGroup {
  return { at: hour(9), regions: ['AA'], traveler: false, keys: 1, revisedKeys: 0, ...fields };
}

interface CoverageFields extends Partial<Omit<Coverage, 'filters'>> {
  filters?: Partial<KeyFilters>;
}

function files(inputRegions: string[], fields: CoverageFields = {}): Coverage {
  const filters = { inputRegions, excludeRegions: [], includeTravelers: false, onlyNonTravelers: false };
  return { window: null, isDecided: false, ...fields, filters: { ...filters, ...fields.filters } };
}

describe('atoms', () => {
  it('are keys that every file holds or lacks together', () => {
    const real = [group({}), group({ regions: ['BB'], revisedKeys: 2 }), group({ regions: ['AA', 'CC'], keys: 4 })];
    const atoms = openAtoms(real, [], [files(['AA']), files(['AA', 'BB'])]);
    expect(atoms.map(({ groups, real: count }) => [groups.length, count])).toEqual([
      [2, 5],
      [1, 3],
    ]);
  });

  it('are told apart by travelers, excluded regions and windows', () => {
    const real = [group({ traveler: true }), group({ regions: ['AA', 'CC'] }), group({ at: hour(8) }), group({})];
    const coverages = [
      files(['AA']),
      files(['AA'], { filters: { onlyNonTravelers: true } }),
      files(['AA'], { filters: { excludeRegions: ['CC'] } }),
      files(['AA'], { window: { start: hour(9), end: hour(10) } }),
    ];
    expect(openAtoms(real, [], coverages)).toHaveLength(4);
    expect(openAtoms(real, [], coverages.slice(0, 1))).toHaveLength(1);
    const travelers = [group({ traveler: true, regions: ['ZZ'] }), group({ traveler: true })];
    expect(openAtoms(travelers, [], [files(['AA'], { filters: { includeTravelers: true } })])).toHaveLength(1);
  });

  it('count the padding that is in the same files', () => {
    const padding = [group({ keys: 7 }), group({ regions: ['BB'], keys: 9 }), group({ regions: ['CC'], keys: 11 })];
    const atoms = openAtoms([group({})], padding, [files(['AA']), files(['AA', 'BB', 'CC'])]);
    expect(atoms).toMatchObject([{ real: 1, padding: 7 }]);
  });

  it('are left alone once a file of theirs is decided', () => {
    const decided = files(['AA'], { isDecided: true, window: { start: hour(8), end: hour(9) } });
    const atoms = openAtoms([group({ at: hour(8) }), group({})], [], [files(['AA']), decided]);
    expect(atoms.map(({ groups }) => groups.map(({ at }) => at))).toEqual([[hour(9)]]);
  });
});
