/** Where a key belongs and which way it came → what is stored of that, or why the key cannot be taken in. */
import { isRegion, normalRegion } from '../region.ts';
import type { AuthorityId } from './authority-id.ts';
import type { IntakeRule } from './intake-rule.ts';
import type { SentKey } from './sent-key.ts';
import type { Refusal } from './verdict.ts';

/** What many keys have in common, as it is stored. */
export interface StoredOrigin {
  /** Those of the key's that are accepted: upper case, ascending, each once. */
  readonly regions: readonly string[];
  /** The authorities that it came through, the sender last. */
  readonly provenance: readonly AuthorityId[];
}

/** Who sends, who receives, and what he takes. */
export interface OriginTerms {
  readonly sender: AuthorityId;
  readonly self: AuthorityId;
  readonly rule: IntakeRule;
}

/** What becomes of an origin. */
export type OriginJudgement =
  { readonly origin: StoredOrigin; readonly refusal?: never } | { readonly origin?: never; readonly refusal: Refusal };

/** Authorities of a path, and characters of their names together: each key is stored with its path. */
const mostHops = 16;
/** Of {@link mostHops} names. */
export const longestPath = 2_048;

/** `issuer#subject` without control characters, among which is the one that no row can hold. */
const authorityForm = /^[^\p{Cc}#]+#\P{Cc}*$/u;

/** Judges an origin; the first fault counts. Regions that no configuration can name do not count. */
export function judgeOrigin({ regions, path }: Pick<SentKey, 'regions' | 'path'>, terms: OriginTerms): OriginJudgement {
  const { rule, sender, self } = terms;
  const carried = new Set(regions.map(normalRegion).filter(isRegion));
  if (rule.excludeRegions.some((region) => carried.has(region))) return { refusal: 'region' };
  const accepted = rule.regions === 'all' ? [...carried] : rule.regions.filter((region) => carried.has(region));
  if (accepted.length === 0) return { refusal: 'region' };
  const provenance = [...path, sender];
  if (!isPath(path) || provenance.includes(self)) return { refusal: 'loop' };
  return { origin: { regions: accepted.sort(), provenance } };
}

/** A path that cannot be read, or has no end, would not end loops. */
function isPath(path: readonly AuthorityId[]): boolean {
  return path.length <= mostHops && path.join('').length <= longestPath && path.every((hop) => authorityForm.test(hop));
}
