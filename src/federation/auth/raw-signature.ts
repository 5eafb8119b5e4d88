/** ES256 signatures as JWTs have them: key managers give ASN.1 DER, RFC 7518 (3.4) wants r and s beside each other. */
import { createPublicKey, verify } from 'node:crypto';

/** Bytes of each number. */
const numberLength = 32;

/**
 * r and s in big endian, 32 bytes each.
 * @returns undefined for what is no such signature
 */
export function rawSignature(der: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(der);
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) return undefined;
  const r = integer(bytes, 2);
  const s = r === undefined ? undefined : integer(bytes, r.end);
  return r && s?.end === bytes.length ? Buffer.concat([r.value, s.value]) : undefined;
}

/** True if the key made the signature of the content. */
export function isSignedBy(publicKeyPem: string, content: string, raw: Buffer): boolean {
  const key = createPublicKey(publicKeyPem);
  return verify('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' }, raw);
}

function integer(bytes: Buffer, at: number): { readonly value: Buffer; readonly end: number } | undefined {
  const length = bytes[at + 1];
  if (bytes[at] !== 0x02 || length === undefined || at + 2 + length > bytes.length) return undefined;
  const end = at + 2 + length;
  // A positive number whose first bit is set has a zero before it.
  const number = bytes.subarray(bytes[at + 2] === 0 && length > 1 ? at + 3 : at + 2, end);
  if (number.length > numberLength) return undefined;
  return { value: Buffer.concat([Buffer.alloc(numberLength - number.length), number]), end };
}
