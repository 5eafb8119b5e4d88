/** What a partner may have of our keys: what it asks for, within what it is granted. */
import { createHash } from 'node:crypto';
import type { PushRule, ServeGrant } from '../configuration/configuration.ts';
import { AppError } from '../errors.ts';
import type { AuthorityId } from './authority-id.ts';

/** Chooses keys for one recipient. Regions are upper case, each once, ascending. */
export interface SharingScope {
  /** At least one: a key must have one of these, and no other is told. */
  readonly regions: readonly string[];
  /** A key that has one of these is not for the recipient at all. */
  readonly excludeRegions: readonly string[];
  /** Keys that were published here alone. */
  readonly onlyLocal: boolean;
  readonly onlyTravelers: boolean;
  /** Neither symptom onset nor self reports (decisions, Federation 9). */
  readonly omitOnset: boolean;
  /** Keys that came through it do not go back. */
  readonly recipient: AuthorityId;
}

/** What a partner asks for. */
export interface AskedScope {
  /** None = all that is granted. */
  readonly regions: readonly string[];
  readonly excludeRegions: readonly string[];
  readonly onlyLocal: boolean;
  readonly onlyTravelers: boolean;
}

/** More than any authority has, and few enough for one statement. */
const mostRegions = 500;
/** Characters; regions of ours have at most 20. */
const longestRegion = 100;

/**
 * (asked ∩ granted) − (excluded by either); null = nothing may be had.
 * @param grant null = nothing is granted
 * @throws AppError invalid `region_conflict` when a region is asked for and excluded (reference 5.3), `invalid_regions`
 */
export function effectiveScope(
  asked: AskedScope,
  grant: ServeGrant | null,
  recipient: AuthorityId,
): SharingScope | null {
  const wanted = regionList(asked.regions);
  const excluded = new Set(regionList(asked.excludeRegions));
  if (wanted.some((region) => excluded.has(region))) {
    throw new AppError('invalid', 'region_conflict', 'a region is both asked for and excluded');
  }
  if (grant === null) return null;
  for (const region of grant.excludeRegions) excluded.add(region);
  const granted = new Set(grant.regions);
  const within = wanted.length === 0 ? grant.regions : wanted.filter((region) => granted.has(region));
  return scopeOf({
    regions: within.filter((region) => !excluded.has(region)).toSorted(),
    excludeRegions: [...excluded].sort(),
    onlyLocal: asked.onlyLocal || grant.onlyLocal,
    onlyTravelers: asked.onlyTravelers || grant.onlyTravelers,
    omitOnset: grant.omitOnset,
    recipient,
  });
}

/** What we push to a partner by ourselves; null = nothing. */
export function pushScope({ regions, onlyLocal }: PushRule, recipient: AuthorityId): SharingScope | null {
  return scopeOf({
    regions: regions.toSorted(),
    excludeRegions: [],
    onlyLocal,
    onlyTravelers: false,
    omitOnset: false,
    recipient,
  });
}

/** Bytes that {@link scopeHash} has. */
export const scopeHashBytes = 8;

/** The same for the same scope, and another one for every other. */
export function scopeHash(scope: SharingScope | null): Buffer {
  const { regions, excludeRegions, onlyLocal, onlyTravelers, omitOnset, recipient } = scope ?? {};
  const text = JSON.stringify([regions, excludeRegions, onlyLocal, onlyTravelers, omitOnset, recipient]);
  return createHash('sha256').update(text).digest().subarray(0, scopeHashBytes);
}

function scopeOf(scope: SharingScope): SharingScope | null {
  return scope.regions.length === 0 ? null : scope;
}

/** Upper case, each once, ascending. */
function regionList(regions: readonly string[]): string[] {
  if (regions.length > mostRegions || regions.some(({ length }) => length > longestRegion)) {
    throw new AppError(
      'invalid',
      'invalid_regions',
      `at most ${String(mostRegions)} regions of at most ${String(longestRegion)} characters may be asked for or excluded`,
    );
  }
  return [...new Set(regions.map((region) => region.trim().toUpperCase()))].sort();
}
