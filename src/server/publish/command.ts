/** A publish as the use case takes it, and what it answers. */
import type { KeysRequest } from '../../domain/publish/request.ts';

/** Everything that a phone sent, as sent. */
export interface PublishCommand extends KeysRequest {
  readonly appId: string;
  /** Compact JWS of the health authority. */
  readonly certificate: string;
  /** Base64. */
  readonly hmacKey: string;
  readonly traveler: boolean;
  /** Base64; empty = none. */
  readonly revisionToken: string;
  /** Regions that the request names (v1alpha1 alone). */
  readonly regions: readonly string[];
}

/** What was stored. */
export interface PublishAnswer {
  /** Base64; empty when there is nothing that could be revised. */
  readonly revisionToken: string;
  readonly inserted: number;
  readonly revised: number;
  readonly warnings: readonly string[];
  /** Keys refused while others were stored. */
  readonly faults: readonly string[];
}
