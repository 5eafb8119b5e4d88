/** The two keys of the Play console, as it shows them: base64. */
import { decodeLenientBase64 } from '../publish/base64.ts';

/** Of every SPKI of an uncompressed point on P-256 (RFC 5480). */
const p256Start = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const p256Length = p256Start.length + 64;

/** The AES-256 key that decrypts tokens: 32 bytes; undefined for anything else. */
export function decodeDecryptionKey(text: string): Buffer | undefined {
  const { bytes } = decodeLenientBase64(text.trim());
  return bytes?.length === 32 ? bytes : undefined;
}

/** The P-256 key that verifies tokens, as DER of its SPKI; undefined for anything else. */
export function decodeVerificationKey(text: string): Buffer | undefined {
  const { bytes } = decodeLenientBase64(text.trim());
  return bytes?.length === p256Length && bytes.subarray(0, p256Start.length).equals(p256Start) ? bytes : undefined;
}
