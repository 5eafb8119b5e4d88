/** What a partner may have: asked ∩ granted, less what either excludes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServeGrant } from '../../../src/domain/configuration/configuration.ts';
import { effectiveScope, pushScope, scopeHash, type AskedScope } from '../../../src/domain/federation/scope.ts';

const recipient = 'https://id.bb.example#federation';
const everything: AskedScope = { regions: [], excludeRegions: [], onlyLocal: false, onlyTravelers: false };
const grant: ServeGrant = {
  regions: ['AA', 'BB', 'CC'],
  excludeRegions: [],
  onlyLocal: false,
  onlyTravelers: false,
  omitOnset: false,
};

function regionsOf(asked: Partial<AskedScope>, granted: Partial<ServeGrant> = {}) {
  return effectiveScope({ ...everything, ...asked }, { ...grant, ...granted }, recipient)?.regions ?? null;
}

describe('Federation decision 1: the effective scope', () => {
  it('is all that is granted when no region is asked for', () => {
    expect(regionsOf({})).toEqual(['AA', 'BB', 'CC']);
  });

  it('is what is asked for within the grant, never beyond it', () => {
    expect(regionsOf({ regions: ['CC', 'DD', 'AA'] })).toEqual(['AA', 'CC']);
    expect(regionsOf({ regions: ['DD'] })).toBeNull();
  });

  it('is nothing when nothing is granted', () => {
    expect(regionsOf({}, { regions: [] })).toBeNull();
    expect(regionsOf({ regions: ['AA'] }, { regions: [] })).toBeNull();
    expect(effectiveScope(everything, null, recipient)).toBeNull();
  });

  it('leaves out what either side excludes, and remembers it for keys of several regions', () => {
    expect(
      effectiveScope({ ...everything, excludeRegions: ['bb'] }, { ...grant, excludeRegions: ['CC', 'ZZ'] }, recipient),
    ).toMatchObject({ regions: ['AA'], excludeRegions: ['BB', 'CC', 'ZZ'] });
    expect(regionsOf({}, { excludeRegions: ['AA', 'BB', 'CC'] })).toBeNull();
  });

  it('takes regions in any case, with blanks, and several times', () => {
    expect(regionsOf({ regions: ['aa', ' AA ', 'Aa'] })).toEqual(['AA']);
  });

  it('refuses a region that is asked for and excluded, whatever its case', () => {
    for (const granted of [grant, null]) {
      expect(() =>
        effectiveScope({ ...everything, regions: ['AA'], excludeRegions: ['aa'] }, granted, recipient),
      ).toThrow(expect.objectContaining({ kind: 'invalid', code: 'region_conflict' }));
    }
  });

  it('takes 500 regions of 100 characters, and no more or longer ones', () => {
    const regions = Array.from({ length: 500 }, (_, index) => `R${String(index)}`);
    const invalid = expect.objectContaining({ kind: 'invalid', code: 'invalid_regions' });
    expect(regionsOf({ regions: [...regions.slice(1), 'AA'], excludeRegions: ['X'.repeat(100)] })).toEqual(['AA']);
    expect(() => regionsOf({ regions: [...regions, 'AA'] })).toThrow(invalid);
    expect(() => regionsOf({ excludeRegions: [...regions, 'X'] })).toThrow(invalid);
    expect(() => regionsOf({ excludeRegions: ['X'.repeat(101)] })).toThrow(invalid);
  });

  it('is local, of travelers, as soon as one side says so, and without onset when the grant says so', () => {
    for (const [asked, granted] of [
      [true, false],
      [false, true],
    ] as const) {
      expect(
        effectiveScope(
          { ...everything, onlyLocal: asked, onlyTravelers: asked },
          { ...grant, onlyLocal: granted, onlyTravelers: granted },
          recipient,
        ),
      ).toMatchObject({ onlyLocal: true, onlyTravelers: true, omitOnset: false });
    }
    expect(effectiveScope(everything, { ...grant, omitOnset: true }, recipient)).toMatchObject({ omitOnset: true });
  });

  it('is the same for any number of regions as for sets', () => {
    const some = fc.uniqueArray(fc.constantFrom('AA', 'BB', 'CC', 'DD', 'EE'));
    fc.assert(
      fc.property(some, some, some, some, (asked, excluded, granted, withheld) => {
        fc.pre(!asked.some((region) => excluded.includes(region)));
        const expected = granted.filter(
          (region) =>
            (asked.length === 0 || asked.includes(region)) && !excluded.includes(region) && !withheld.includes(region),
        );
        const found = regionsOf(
          { regions: asked, excludeRegions: excluded },
          { regions: granted, excludeRegions: withheld },
        );
        expect(found ?? []).toEqual(expected.sort());
      }),
    );
  });
});

describe('what is pushed', () => {
  it('is what the rule says, and nothing without regions', () => {
    expect(pushScope({ regions: ['BB', 'AA'], onlyLocal: true }, recipient)).toEqual({
      regions: ['AA', 'BB'],
      excludeRegions: [],
      onlyLocal: true,
      onlyTravelers: false,
      omitOnset: false,
      recipient,
    });
    expect(pushScope({ regions: [], onlyLocal: false }, recipient)).toBeNull();
  });
});

describe('the hash of a scope', () => {
  it('is the same however it was asked for, and another one for each difference', () => {
    const base = { ...everything, regions: ['AA', 'BB'] };
    const hashOf = (asked: Partial<AskedScope>, granted: Partial<ServeGrant> = {}, to = recipient) =>
      scopeHash(effectiveScope({ ...base, ...asked }, { ...grant, ...granted }, to as typeof recipient)).toString(
        'hex',
      );
    expect(hashOf({ regions: ['bb', 'AA', 'AA'] })).toBe(hashOf({}));
    const others = [
      hashOf({ regions: ['AA'] }),
      hashOf({ excludeRegions: ['ZZ'] }),
      hashOf({ onlyLocal: true }),
      hashOf({ onlyTravelers: true }),
      hashOf({}, { omitOnset: true }),
      hashOf({}, {}, 'https://id.cc.example#federation'),
      hashOf({}, { regions: [] }),
    ];
    expect(new Set([hashOf({}), ...others]).size).toBe(others.length + 1);
  });
});
