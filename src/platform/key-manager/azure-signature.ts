/** Key Vault's form of an ECDSA signature → ours. */
import { p256 } from '@noble/curves/nist.js';

/**
 * @param raw r and s, 32 bytes each, as JWS has them (RFC 7518, 3.4)
 * @returns ASN.1 DER; s is not normalised
 * @throws Error for another length, and for numbers that are not from 1 to the curve's order less one
 */
export function derSignature(raw: Uint8Array): Uint8Array {
  return p256.Signature.fromBytes(raw, 'compact').toBytes('der');
}
