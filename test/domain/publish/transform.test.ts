import { describe, expect, it } from 'vitest';
import type { SentKey, TransformSettings } from '../../../src/domain/publish/request.ts';
import { transform } from '../../../src/domain/publish/transform.ts';
import { batchTime, defaultSettings, keyBytes, midnight, sentKey } from './sample.ts';

const yesterday = midnight - 144;
const claims = { reportType: 'confirmed', symptomOnsetInterval: 0 } as const;

function run(keys: SentKey[], settings: Partial<TransformSettings> = {}, now = batchTime) {
  return transform({ keys, symptomOnsetInterval: 0 }, { claims, settings: { ...defaultSettings, ...settings }, now });
}

function faultOf(change: Partial<SentKey>): string | undefined {
  return run([{ ...sentKey(1, yesterday), ...change }, sentKey(2, yesterday)]).faults[0];
}

describe('the whole request', () => {
  it('is refused without keys', () => {
    expect(run([]).refusal).toBe('no exposure keys in publish request');
  });

  it('may have as many keys as allowed and not one more', () => {
    const keys = [1, 2, 3].map((fill) => sentKey(fill, midnight - fill * 144));
    expect(run(keys, { maxKeys: 3 }).keys).toHaveLength(3);
    expect(run(keys, { maxKeys: 2 }).refusal).toBe('too many exposure keys in publish: 3, max of 2 is allowed');
  });

  it('is refused with all faults when no key is sound', () => {
    const { refusal } = run([sentKey(1, yesterday, 0), sentKey(2, yesterday, 145)]);
    expect(refusal).toBe(
      '2 errors occurred:\n' +
        '\t* key 0 cannot be imported: invalid interval count, 0, must be >= 1 && <= 144\n' +
        '\t* key 1 cannot be imported: invalid interval count, 145, must be >= 1 && <= 144\n\n',
    );
  });

  it('is not refused when warnings alone leave no key', () => {
    const result = run([sentKey(1, midnight - 14 * 144)], { maxSymptomOnsetDays: 1 });
    expect(result).toMatchObject({ keys: [], faults: [], warnings: [expect.stringContaining('key 0 symptom onset')] });
    expect(result.refusal).toBeUndefined();
  });
});

describe('one key', () => {
  it.each<[string, Partial<SentKey>, string]>([
    ['bad base64', { key: 'not base64!' }, 'illegal base64 data at input byte 3'],
    ['15 bytes', { key: Buffer.alloc(15).toString('base64') }, 'invalid key length, 15, must be 16'],
    ['17 bytes', { key: Buffer.alloc(17).toString('base64') }, 'invalid key length, 17, must be 16'],
    ['no bytes', { key: '' }, 'invalid key length, 0, must be 16'],
    ['a negative period', { rollingPeriod: -1 }, 'invalid interval count, -1, must be >= 1 && <= 144'],
    [
      'the last start of 32 bits',
      { rollingStartNumber: 2_147_483_647 },
      'interval number 2147483647 is in the future, must be <= 2693026',
    ],
    [
      'the first start of 32 bits',
      { rollingStartNumber: -2_147_483_648 },
      'key expires before minimum window; -2147483648 + 144 = -2147483504 which is too old, must be >= 2690866',
    ],
    ['risk 9', { transmissionRisk: 9n }, 'invalid transmission risk: 9, must be >= 0 && <= 8'],
    ['risk -1', { transmissionRisk: -1n }, 'invalid transmission risk: -1, must be >= 0 && <= 8'],
    [
      'the largest risk of 64 bits',
      { transmissionRisk: 9_223_372_036_854_775_807n },
      'invalid transmission risk: 9223372036854775807, must be >= 0 && <= 8',
    ],
  ])('with %s is refused by itself', (_, change, text) => {
    expect(faultOf(change)).toBe(`key 0 cannot be imported: ${text}`);
  });

  it.each<[string, Partial<SentKey>]>([
    ['period 1', { rollingPeriod: 1 }],
    ['period 144', { rollingPeriod: 144 }],
    ['risk 8', { transmissionRisk: 8n }],
    ['a URL-safe alphabet', { key: keyBytes(0xff).toString('base64url') }],
    ['too much padding', { key: `${keyBytes(0xff).toString('base64')}====` }],
  ])('with %s is kept', (_, change) => {
    expect(faultOf(change)).toBeUndefined();
  });

  it('is numbered by its place in the request', () => {
    const keys = [sentKey(3, yesterday), sentKey(2, yesterday, 0), sentKey(1, midnight - 15 * 144)];
    const { faults, warnings } = run(keys, { maxSymptomOnsetDays: 10 });
    expect(faults).toEqual([expect.stringMatching(/^key 1 /)]);
    expect(warnings).toEqual(['key 2 symptom onset is too large, 11 > 10 - saving without this key']);
  });

  it('is judged after 2038 as before', () => {
    const later = new Date('2045-06-01T12:00:00Z');
    const today = later.getTime() / 600_000 - 72;
    const { keys, faults } = run([sentKey(1, today - 144), sentKey(2, today), sentKey(3, today + 73)], {}, later);
    expect(keys.map(({ embargo }) => embargo)).toEqual([null, new Date('2045-06-02T01:00:00Z')]);
    expect(faults).toHaveLength(1);
  });
});

describe('keys that overlap', () => {
  it('may share a start up to the limit', () => {
    const same = [1, 2, 3, 4].map((fill) => sentKey(fill, yesterday, 100 + fill));
    expect(run(same.slice(1)).keys).toHaveLength(3);
    expect(run(same).refusal).toBe(
      `too many overlapping keys for start interval: ${String(yesterday)} want: <= 3, got: 4`,
    );
  });

  it('must begin at or after the end of the longest key of the start before', () => {
    const longest = [sentKey(1, yesterday, 100), sentKey(2, yesterday, 50)];
    expect(run([...longest, sentKey(3, yesterday + 100, 10)]).keys).toHaveLength(3);
    const start = String(yesterday);
    expect(run([...longest, sentKey(3, yesterday + 99, 10)]).refusal).toBe(
      `exposure keys have non aligned overlapping intervals. ${String(yesterday + 99)} overlaps with previous key that is good from ${start} to ${String(yesterday + 100)}.`,
    );
  });

  it('are refused for a bad overlap before a bad number', () => {
    const same = [1, 2, 3, 4].map((fill) => sentKey(fill, yesterday));
    expect(run([...same, sentKey(5, yesterday + 1, 10)]).refusal).toMatch(/non aligned/);
  });

  it('are not refused for a key that was left out', () => {
    expect(run([sentKey(1, yesterday), sentKey(2, yesterday + 1, 0)]).keys).toHaveLength(1);
  });

  it('count once when they are the same key, the longest of the latest', () => {
    const { keys } = run([sentKey(1, yesterday, 144), sentKey(2, yesterday), sentKey(1, yesterday, 100)]);
    expect(keys.map(({ index, intervalCount }) => [index, intervalCount])).toEqual([
      [0, 144],
      [1, 144],
    ]);
  });
});
