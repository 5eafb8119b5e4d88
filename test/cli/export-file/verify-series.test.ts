/** What must hold over all files of an index. */
import { describe, expect, it } from 'vitest';
import { SeriesCheck } from '../../../src/cli/export-file/verify-series.ts';
import type { VerifiedFile } from '../../../src/cli/export-file/verify.ts';
import type { DecodedKey } from '../../../src/domain/export-file/decode.ts';

interface Sample {
  readonly window: readonly [number, number];
  readonly keys?: readonly number[];
  readonly revisedKeys?: readonly number[];
  /** Among the revised keys, as revoked. */
  readonly revokedKeys?: readonly number[];
}

/** The faults of each file, in order; files are named a, b, c …. */
function faultsOf(...samples: readonly Sample[]): (readonly string[])[] {
  const series = new SeriesCheck();
  return samples.map((sample, index) => series.add(fileOf(String.fromCharCode(97 + index), sample)).faults);
}

function fileOf(file: string, { window: [start, end], ...sample }: Sample): VerifiedFile {
  const { keys = [], revisedKeys = [], revokedKeys = [] } = sample;
  const summary = { start, end, region: 'AA', keys: 0, revisedKeys: 0, signatures: [] };
  return {
    report: { file, faults: [], summary },
    keys: keys.map((number) => keyOf(number, 1)),
    revisedKeys: [...revisedKeys.map((number) => keyOf(number, 1)), ...revokedKeys.map((number) => keyOf(number, 5))],
  };
}

function keyOf(number: number, reportType: number): DecodedKey {
  const key = Buffer.alloc(16, number);
  const rest = { transmissionRisk: 0, rollingStart: 1, rollingPeriod: 144, reportType };
  return { key, ...rest, daysSinceOnset: null, variantOfConcern: null };
}

describe('the files of an index', () => {
  it('follow each other, with gaps or without', () => {
    expect(faultsOf({ window: [0, 100] }, { window: [100, 200] }, { window: [300, 400] })).toEqual([[], [], []]);
  });

  it('go from the oldest to the newest', () => {
    expect(faultsOf({ window: [100, 200] }, { window: [0, 100] })).toEqual([
      [],
      ['is older than a, which precedes it'],
    ]);
  });

  it('have windows that do not overlap', () => {
    expect(faultsOf({ window: [0, 100] }, { window: [99, 200] })).toEqual([[], ['its window overlaps that of a']]);
  });

  it('may share a start when a batch was split, with ends of their own', () => {
    const split = [{ window: [0, 100] }, { window: [0, 101] }, { window: [0, 102] }] as const;
    expect(faultsOf(...split, { window: [100, 200] })).toEqual([[], [], [], []]);
    expect(faultsOf(...split, { window: [50, 200] })[3]).toEqual(['its window overlaps that of a']);
  });

  it('may be those of the deployed server, whose split files begin a second after the end', () => {
    expect(faultsOf({ window: [0, 101] }, { window: [0, 102] }, { window: [100, 200] })).toEqual([[], [], []]);
  });

  it('never have the same window', () => {
    expect(faultsOf({ window: [0, 100] }, { window: [0, 100] })).toEqual([[], ['has the same window as a']]);
  });

  it('never have the same key, but it may be revised later', () => {
    expect(
      faultsOf(
        { window: [0, 100], keys: [1, 2] },
        { window: [100, 200], keys: [3], revisedKeys: [1] },
        { window: [200, 300], keys: [4, 2], revisedKeys: [1] },
      ),
    ).toEqual([[], [], ['key 2: stands in a too', 'revised key 1: stands in b too']]);
  });

  it('may have a key among the revised ones again when it was withdrawn: once, as revoked, and never after', () => {
    expect(
      faultsOf(
        { window: [0, 100], keys: [1, 2], revokedKeys: [3] },
        { window: [100, 200], revisedKeys: [1, 2] },
        { window: [200, 300], revokedKeys: [1, 3] },
        { window: [300, 400], revisedKeys: [1], revokedKeys: [2] },
        { window: [400, 500], revokedKeys: [1, 2, 3] },
      ),
    ).toEqual([
      [],
      [],
      [],
      ['revised key 1: stands in b too'],
      ['revised key 1: stands in c too', 'revised key 2: stands in d too', 'revised key 3: stands in c too'],
    ]);
  });
});
