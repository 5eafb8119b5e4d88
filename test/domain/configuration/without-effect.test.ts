import { describe, expect, it } from 'vitest';
import { faultText } from '../../../src/domain/configuration/faults.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { withoutEffect } from '../../../src/domain/configuration/without-effect.ts';
import { sampleDocument } from '../../support/configuration.ts';

function warningsOf(document: unknown): string[] {
  return withoutEffect(parseConfiguration(document)).map(faultText);
}

describe('settings without effect in this release', () => {
  it('are none in a configuration that publishes and exports', () => {
    expect(warningsOf({ ...sampleDocument(), partners: [], mirrors: [], imports: [] })).toEqual([]);
  });

  it('are partners', () => {
    expect(warningsOf(sampleDocument())).toEqual(['partners[0]: is kept but has no effect in this release']);
  });
});
