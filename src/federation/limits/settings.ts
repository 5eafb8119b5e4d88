/** What one partner may take, as the environment says. */
import type { Values } from '../../platform/config/load.ts';
import type { PartnerLimitSettings } from './partner-limits.ts';

/** Streams of one partner at a time and process: one that follows, one that catches up and pushes, from several processes. */
const maxStreams = 8;

/** Limits of each partner; how many keys it may send in a day is counted with the keys (`storage/partner-quota`). */
export function partnerLimitSettings(values: Values): PartnerLimitSettings {
  return { callsPerMinute: values.ENMESH_FEDERATION_CALLS_PER_MINUTE, maxStreams };
}
