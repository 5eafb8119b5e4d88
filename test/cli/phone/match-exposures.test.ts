/** What a phone finds out from the keys of a file, and what it must not believe. */
import { describe, expect, it } from 'vitest';
import { broadcastAt, type Sighting } from '../../../src/cli/phone/bluetooth.ts';
import { makeKeys, type PhoneKey } from '../../../src/cli/phone/exposure-keys.ts';
import { matchExposures } from '../../../src/cli/phone/match-exposures.ts';
import type { DecodedKey } from '../../../src/domain/export-file/decode.ts';

const now = new Date('2026-03-15T13:47:30Z');
const noon = new Date('2026-03-14T12:00:00Z');
const minuteMs = 60_000;

function decoded({ key, rollingStartNumber, rollingPeriod }: PhoneKey): DecodedKey {
  return {
    key: Buffer.from(key, 'base64'),
    rollingStart: rollingStartNumber,
    rollingPeriod,
    transmissionRisk: 2,
    reportType: 1,
    daysSinceOnset: 0,
    variantOfConcern: null,
  };
}

function heard(keys: readonly PhoneKey[], said: Date, { rssi = -60, delayMs = 0, txPower = -10 } = {}): Sighting {
  return { ...broadcastAt(keys, said, txPower), rssi, heardAt: new Date(said.getTime() + delayMs) };
}

describe('matching', () => {
  const anna = makeKeys(now, { count: 14, today: false });
  const others = makeKeys(now, { count: 14, today: false });
  const file = [...others, ...anna].map(decoded);

  it('finds the key whose owner was near, when, and how near', () => {
    const later = new Date(noon.getTime() + 10 * minuteMs);
    const sightings = [heard(anna, noon, { rssi: -50 }), heard(anna, later, { rssi: -70 })];
    const exposures = matchExposures(file, sightings);
    expect(exposures).toHaveLength(1);
    expect(exposures[0]?.key.key.toString('base64')).toBe(anna[0]?.key);
    expect(exposures[0]?.sightings.map(({ heardAt }) => heardAt)).toEqual([noon, later]);
    expect(exposures[0]?.attenuation).toBe(50);
  });

  it('finds one exposure for each key, so that days cannot be linked by more than the file says', () => {
    const dayBefore = new Date(noon.getTime() - 24 * 60 * minuteMs);
    expect(matchExposures(file, [heard(anna, noon), heard(anna, dayBefore)])).toHaveLength(2);
  });

  it('finds nothing where nobody of the file was near', () => {
    const strangers = makeKeys(now, { count: 14, today: false });
    expect(matchExposures(file, [heard(strangers, noon)])).toEqual([]);
    expect(matchExposures([], [heard(anna, noon)])).toEqual([]);
  });

  it('counts an identifier two hours beside its time, and not one interval longer: somebody may play it again', () => {
    const twoHours = 120 * minuteMs;
    const found = (delayMs: number): number => matchExposures(file, [heard(anna, noon, { delayMs })]).length;
    expect([found(twoHours), found(-twoHours)]).toEqual([1, 1]);
    expect([found(twoHours + 10 * minuteMs), found(-twoHours - 10 * minuteMs)]).toEqual([0, 0]);
  });

  it('passes over keys that are in use for longer than a day, or never', () => {
    const [key] = anna.map(decoded);
    const periods = [0, -1, 145, 2_147_483_647].map((rollingPeriod) => ({ ...key!, rollingPeriod }));
    expect(matchExposures(periods, [heard(anna, noon)])).toEqual([]);
    expect(matchExposures([{ ...key!, rollingPeriod: 144 }], [heard(anna, noon)])).toHaveLength(1);
  });

  it('takes any place in time that a file may name', () => {
    const [key] = anna.map(decoded);
    const starts = [-1, 2_147_483_647].map((rollingStart) => ({ ...key!, rollingStart }));
    expect(matchExposures(starts, [heard(anna, noon)])).toEqual([]);
  });
});

describe('a broadcast', () => {
  const keys = makeKeys(now, { count: 2, today: false });

  it('changes every ten minutes, and is the same in between', () => {
    const said = (minutes: number): string =>
      broadcastAt(keys, new Date(noon.getTime() + minutes * minuteMs), -10).identifier.toString('hex');
    expect(said(9)).toBe(said(0));
    expect(said(10)).not.toBe(said(0));
  });

  it('is made with the key of its day, and refused on a day without one', () => {
    expect(() => broadcastAt(keys, new Date('2026-03-13T00:00:00Z'), -10)).not.toThrow();
    expect(() => broadcastAt(keys, new Date('2026-03-12T23:59:59Z'), -10)).toThrow(RangeError);
  });
});
