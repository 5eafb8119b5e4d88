/** Which keys of a partner may be taken in. */
import type { AcceptGrant, PullRule } from '../configuration/configuration.ts';

/** What each key must hold to. */
export interface IntakeRule {
  /** A key carries one of these at least; `all` = any region will do. */
  readonly regions: readonly string[] | 'all';
  /** A key carries none of these. */
  readonly excludeRegions: readonly string[];
  readonly onlyTravelers: boolean;
}

/** Of what we pull: asking for no region means all (decisions, Federation 1); null = nothing. */
export function pullRule(pull: Omit<PullRule, 'protocol'> | null): IntakeRule {
  if (pull === null) return nothing;
  const { regions, excludeRegions, onlyTravelers } = pull;
  return { regions: regions.length === 0 ? 'all' : regions, excludeRegions, onlyTravelers };
}

/** Of what is pushed to us: accepting no region means nothing. */
export function acceptRule(accept: AcceptGrant | null): IntakeRule {
  return accept === null ? nothing : { ...nothing, regions: accept.regions };
}

const nothing: IntakeRule = { regions: [], excludeRegions: [], onlyTravelers: false };
