/** Warnings that refuse nothing. */
import { describe, expect, it } from 'vitest';
import { advice } from '../../../src/domain/configuration/advice.ts';
import { authorityId } from '../../../src/domain/federation/authority-id.ts';
import { diff } from '../../../src/domain/configuration/diff.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { members } from '../../support/configuration.ts';

const { series } = members;

function adviceOn(exports: object[], current: object[] = exports): string[] {
  const wanted = parseConfiguration({ exports });
  const changes = diff(parseConfiguration({ exports: current }), wanted, { prune: false });
  return advice(wanted, { changes }).map(({ path }) => path);
}

describe('advice', () => {
  it('is given where exports of one region make more than 15 files a day together', () => {
    const two = (outputRegion: string, period: string) => [
      { ...series, period: '2h' },
      { ...series, name: 'bb', filenameRoot: 'bb', outputRegion, period },
    ];
    expect(adviceOn(two('AA', '8h'))).toEqual([]);
    expect(adviceOn(two('AA', '6h'))).toEqual(['exports[0].period', 'exports[1].period']);
    expect(adviceOn(two('BB', '6h'))).toEqual([]);
  });

  it('is given where an export excludes all that it includes', () => {
    const both = { ...series, inputRegions: ['AA', 'BB'] };
    expect(adviceOn([{ ...both, excludeRegions: ['AA', 'CC'] }])).toEqual([]);
    expect(adviceOn([{ ...both, excludeRegions: ['AA', 'bb'] }])).toEqual(['exports[0].excludeRegions']);
    expect(adviceOn([{ ...series, inputRegions: [], outputRegion: 'AA', excludeRegions: ['AA'] }])).toEqual([
      'exports[0].excludeRegions',
    ]);
  });

  it('is given where an export moves', () => {
    const moved = { ...series, filenameRoot: 'moved', bucket: 'other' };
    expect(adviceOn([moved], [series])).toEqual(['exports[0].bucket', 'exports[0].filenameRoot']);
    expect(adviceOn([moved], [])).toEqual([]);
  });

  it('is given where nothing can verify what is imported', () => {
    const adviceOnImport = (fields: object) =>
      advice(parseConfiguration({ imports: [{ ...members.source, ...fields }] }), { changes: [] });
    expect(adviceOnImport({})).toEqual([]);
    expect(adviceOnImport({ publicKeys: [] }).map(({ path }) => path)).toEqual(['imports[0].publicKeys']);
  });

  it('is given where a partner is ourselves', () => {
    const wanted = parseConfiguration({ partners: [members.partner] });
    const { identity } = wanted.partners[0]!;
    expect(advice(wanted, { changes: [], self: authorityId(identity) }).map(({ path }) => path)).toEqual([
      'partners[0].identity',
    ]);
    expect(advice(wanted, { changes: [], self: authorityId({ ...identity, subject: 'other' }) })).toEqual([]);
    expect(advice(wanted, { changes: [] })).toEqual([]);
  });
});
