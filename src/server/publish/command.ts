/** A publish as the use case takes it, and what it answers. */
import type { DeviceAttestation } from '../../domain/attestation/claim.ts';
import type { KeysRequest } from '../../domain/publish/request.ts';
import type { Platform } from '../../domain/publish/statistics.ts';

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
  /** For statistics. */
  readonly platform: Platform;
  readonly attestation: DeviceAttestation;
}

/** What was stored, now or when the same request came first. */
export interface PublishAnswer {
  readonly isRepeated: boolean;
  /** Base64; empty when there is nothing that could be revised. */
  readonly revisionToken: string;
  readonly inserted: number;
  readonly revised: number;
  readonly warnings: readonly string[];
  /** Keys refused while others were stored. */
  readonly faults: readonly string[];
}
