/** ECDSA over a digest that is already there: node:crypto signs messages only, and would hash the digest once more. */
import type { KeyObject } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';

/** Bytes of a SHA-256 digest. */
const size = 32;

/**
 * ECDSA with P-256 and the nonce of RFC 6979: the same key and digest give the same signature.
 * @param privateKey P-256
 * @param digest SHA-256, 32 bytes
 * @returns ASN.1 DER signature; s is not normalised, as deployed signers leave it
 * @throws RangeError for a digest of another length
 */
export function signDigest(privateKey: KeyObject, digest: Uint8Array): Uint8Array {
  checkDigest(digest);
  const { d } = privateKey.export({ format: 'jwk' });
  if (d === undefined) throw new TypeError('a P-256 private key is wanted');
  const secret = Buffer.from(d, 'base64url');
  try {
    return p256.sign(digest, secret, { prehash: false, lowS: false, format: 'der' });
  } finally {
    secret.fill(0);
  }
}

/** Throws RangeError for what is no SHA-256 digest. */
export function checkDigest(digest: Uint8Array): void {
  if (digest.length !== size) throw new RangeError(`a SHA-256 digest has ${String(size)} bytes`);
}
