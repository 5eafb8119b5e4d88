/** What a device's attestation covers: the request that it was made for. */
import { hmacTexts } from '../publish/hmac-text.ts';
import type { SentKey } from '../publish/request.ts';

/** What a device says of itself, as sent. */
export interface DeviceAttestation {
  /** `android` or `ios`; empty = none. */
  readonly platform: string;
  /** A Play Integrity token, or the base64 of an App Attest object; empty = none. */
  readonly payload: string;
}

/** The part of a request that an attestation is bound to, all as sent. */
export interface AttestedRequest {
  readonly appId: string;
  readonly keys: readonly SentKey[];
  /** None in a v1 request. */
  readonly regions: readonly string[];
  /** The health authority's certificate. */
  readonly certificate: string;
}

/**
 * `appId|keys|regions|verificationPayload`, whose SHA-256 is the nonce of Play Integrity and the client data hash of
 * App Attest. Keys are in the HMAC's form with all four fields, in its order (reference 3.4); regions are in upper
 * case, sorted, joined with commas.
 */
export function claimText({ appId, keys, regions, certificate }: AttestedRequest): string {
  const [keysText = ''] = hmacTexts(keys);
  const regionsText = regions
    .map((region) => region.toUpperCase())
    .sort()
    .join(',');
  return [appId, keysText, regionsText, certificate].join('|');
}
