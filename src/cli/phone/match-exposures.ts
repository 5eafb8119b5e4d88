/** What a phone does with the keys of a file: finds out on the device, and tells nobody, whether it met their owners. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import { intervalOf, intervalsPerDay } from '../../domain/publish/interval.ts';
import { txPowerOf, type Sighting } from './bluetooth.ts';
import { identifierLength, identifiersOf } from './proximity-identifiers.ts';

/** A time that was spent near the owner of a key. */
export interface Exposure {
  readonly key: DecodedKey;
  /** Of what the owner's phone said, in the order in which it was heard; at least one. */
  readonly sightings: readonly Sighting[];
  /** Signal lost on its way, dB: the mean over all sightings; the smaller, the nearer. */
  readonly attenuation: number;
}

/** Clocks differ: an identifier counts two hours before and after its interval (Cryptography Specification v1.2.1). */
const toleranceIntervals = 12;

/**
 * Derives every identifier of every key, and compares them with what the phone has heard. A key that is in use for longer
 * than a day is none.
 * @returns an exposure for each key whose owner was near, in the order of the keys
 */
export function matchExposures(keys: Iterable<DecodedKey>, sightings: readonly Sighting[]): readonly Exposure[] {
  const heard = Map.groupBy(sightings, ({ identifier }) => identifier.toString('base64'));
  const exposures: Exposure[] = [];
  for (const key of keys) {
    if (key.rollingPeriod < 1 || key.rollingPeriod > intervalsPerDay) continue;
    const found = sightingsOf(key, heard);
    if (found.length > 0) exposures.push({ key, sightings: found, attenuation: meanAttenuation(key, found) });
  }
  return exposures;
}

function sightingsOf(
  { key, rollingStart, rollingPeriod }: DecodedKey,
  heard: ReadonlyMap<string, readonly Sighting[]>,
): Sighting[] {
  const identifiers = identifiersOf(key, rollingStart, rollingPeriod);
  const found: Sighting[] = [];
  for (let index = 0; index < rollingPeriod; index++) {
    const identifier = identifiers.toString('base64', index * identifierLength, (index + 1) * identifierLength);
    const candidates = heard.get(identifier) ?? [];
    found.push(...candidates.filter(({ heardAt }) => isInTime(intervalOf(heardAt), rollingStart + index)));
  }
  return found;
}

function isInTime(heard: number, sent: number): boolean {
  return Math.abs(heard - sent) <= toleranceIntervals;
}

function meanAttenuation({ key }: DecodedKey, sightings: readonly Sighting[]): number {
  const total = sightings.reduce((sum, sighting) => sum + txPowerOf(key, sighting) - sighting.rssi, 0);
  return total / sightings.length;
}
