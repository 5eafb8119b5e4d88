/** What a configuration names must exist, in it or beside it. */
import { describe, expect, it } from 'vitest';
import { emptyConfiguration } from '../../../src/domain/configuration/lists.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { referenceFaults } from '../../../src/domain/configuration/references.ts';
import { members, sampleDocument } from '../../support/configuration.ts';

const { app, series, mirror } = members;
const sample = parseConfiguration(sampleDocument());
const referring = parseConfiguration({ apps: [app], exports: [series] });

function paths(...args: Parameters<typeof referenceFaults>): string[] {
  return referenceFaults(...args).map(({ path }) => path);
}

describe('references of a configuration', () => {
  it('may lead to what the same file makes', () => {
    expect(paths(sample, emptyConfiguration, true)).toEqual([]);
  });

  it('may lead to what the installation has', () => {
    expect(paths(referring, sample, false)).toEqual([]);
  });

  it('may not lead to what pruning would delete', () => {
    expect(paths(referring, sample, true)).toEqual(['apps[0].healthAuthorities[0]', 'exports[0].signingKeys[0]']);
  });

  it('may not lead nowhere', () => {
    expect(paths(referring, emptyConfiguration, false)).toHaveLength(2);
  });
});

describe('signing keys of an export', () => {
  const twin = { ...members.signingKey, name: 'twin', key: 'other' };
  const signedByBoth = { ...series, signingKeys: ['main', 'twin'] };

  it('may not be known to phones by one name, of the file or of the installation', () => {
    const alone = parseConfiguration({ signingKeys: [members.signingKey, twin], exports: [signedByBoth] });
    expect(paths(alone, emptyConfiguration, false)).toEqual(['exports[0].signingKeys[1]']);
    const beside = parseConfiguration({ signingKeys: [twin], exports: [signedByBoth] });
    expect(paths(beside, sample, false)).toEqual(['exports[0].signingKeys[1]']);
  });

  it('may share their keyId or their keyVersion, and both where no export has the two', () => {
    const next = { ...twin, keyVersion: 'v2' };
    const other = { ...twin, keyId: '311' };
    for (const second of [next, other]) {
      const wanted = parseConfiguration({ signingKeys: [members.signingKey, second], exports: [signedByBoth] });
      expect(paths(wanted, emptyConfiguration, false)).toEqual([]);
    }
    const apart = parseConfiguration({ signingKeys: [members.signingKey, twin], exports: [series] });
    expect(paths(apart, emptyConfiguration, false)).toEqual([]);
  });
});

describe('identities of partners', () => {
  const other = parseConfiguration({ partners: [{ ...members.partner, name: 'other' }] });

  it('may not be those of another partner that stays', () => {
    expect(paths(other, sample, false)).toEqual(['partners[0].identity.subject']);
    expect(paths(other, sample, true)).toEqual([]);
    expect(paths(sample, sample, false)).toEqual([]);
  });
});

describe('roots of file names', () => {
  const other = parseConfiguration({
    exports: [{ ...series, name: 'other', bucket: 'elsewhere', filenameRoot: 'AA' }],
  });

  it('may not be those of another export that stays, whatever their case and bucket', () => {
    expect(paths(other, sample, false)).toContain('exports[0].filenameRoot');
  });

  it('may be those of an export that pruning deletes', () => {
    expect(paths(other, sample, true)).toEqual(['exports[0].signingKeys[0]']);
  });

  it('of a mirror may not lie in an export that stays', () => {
    const wanted = parseConfiguration({ mirrors: [{ ...mirror, name: 'new', bucket: 'exports', filenameRoot: 'aa' }] });
    expect(paths(wanted, sample, false)).toEqual(['mirrors[0].filenameRoot']);
  });
});
