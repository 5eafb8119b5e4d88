/** What serving partners is told and given. */
import type { Clock } from '../../platform/clock.ts';
import type { Values } from '../../platform/config/load.ts';
import type { Database } from '../../storage/database.ts';
import type { PartnerAuthenticator } from '../auth/caller.ts';
import type { PartnerLimits } from '../limits/partner-limits.ts';

/** Settings of serving. */
export interface ServeSettings {
  /** Keys of one answer to Fetch. */
  readonly fetchMaxKeys: number;
  /** How often a stream that follows looks for a window that has closed, and whether its partner is still to be served. */
  readonly followMs: number;
  /** Streams of one partner at a time, as a handshake tells. */
  readonly maxStreams: number;
}

/** What its parts share. */
export interface ServeDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: ServeSettings;
  readonly authenticator: PartnerAuthenticator;
  readonly limits: PartnerLimits;
  /** Who we are, as our tokens say. */
  readonly identity: { readonly issuer: string; readonly subject: string };
}

const followMs = 1_000;

/** As the environment says. */
export function serveSettings(values: Values, { maxStreams }: { readonly maxStreams: number }): ServeSettings {
  return { fetchMaxKeys: values.ENMESH_FEDERATION_FETCH_MAX_KEYS, followMs, maxStreams };
}
