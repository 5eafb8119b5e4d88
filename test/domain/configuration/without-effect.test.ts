import { describe, expect, it } from 'vitest';
import { faultText } from '../../../src/domain/configuration/faults.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { withoutEffect } from '../../../src/domain/configuration/without-effect.ts';
import { members, sampleDocument } from '../../support/configuration.ts';

const { series, signingKey } = members;

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
});
