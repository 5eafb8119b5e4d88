import { describe, expect, it } from 'vitest';
import { faultText } from '../../../src/domain/configuration/faults.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { withoutEffect } from '../../../src/domain/configuration/without-effect.ts';
import { members, sampleDocument } from '../../support/configuration.ts';

const { healthAuthority, series, signingKey } = members;
const jwksUri = 'https://verify.example.org/jwks.json';

function warningsOf(document: unknown): string[] {
  return withoutEffect(parseConfiguration(document)).map(faultText);
}

describe('settings without effect in this release', () => {
  it('are none in a configuration that publishes and exports', () => {
    expect(warningsOf({ ...sampleDocument(), partners: [], mirrors: [], imports: [] })).toEqual([]);
  });

  it('are partners, mirrors and imports', () => {
    expect(warningsOf(sampleDocument())).toEqual(
      ['partners[0]', 'mirrors[0]', 'imports[0]'].map((path) => `${path}: is kept but has no effect in this release`),
    );
  });

  it('are a shift, at its place', () => {
    const document = {
      signingKeys: [signingKey],
      exports: [{ ...series }, { ...series, name: 'bb', filenameRoot: 'bb', shift: '8h' }],
    };
    expect(warningsOf(document)).toEqual([
      'exports[1].shift: is kept but has no effect in this release: a small batch is padded at once',
    ]);
  });

  it('are a JWKS; one without keys beside it leaves every certificate unverified', () => {
    const both = { healthAuthorities: [{ ...healthAuthority, jwksUri }] };
    expect(warningsOf(both)).toEqual([expect.stringContaining('only the keys of this file')]);
    const alone = { healthAuthorities: [{ ...healthAuthority, jwksUri, keys: [] }] };
    expect(warningsOf(alone)).toEqual([
      'healthAuthorities[0].jwksUri: is kept but has no effect in this release: ' +
        'without keys of this file no certificate of this authority can be verified yet',
    ]);
  });
});
