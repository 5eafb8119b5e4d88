/** What a Key Vault key encrypts: standard vaults have no AEAD, so a data key of its own seals each text, and RSA wraps that. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { undecryptable } from './faults.ts';

const cipher = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** First byte of every ciphertext. */
const format = 1;
const fixedBytes = 2;
const lengthBytes = 2;

/** The readable half of a ciphertext. */
export interface Envelope {
  /** Version of the key that wrapped the data key. */
  readonly version: string;
  readonly wrappedKey: Uint8Array;
  /** All bytes before the nonce; bound into the seal. */
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

/** A fresh data key. */
export function newDataKey(): Uint8Array {
  return randomBytes(keyBytes);
}

/**
 * One byte 1, one byte length of the version's name, the name, two bytes length of the wrapped data key (big-endian), it,
 * nonce (12), AES-256-GCM ciphertext, tag (16). The associated data is everything before the nonce, then the caller's.
 */
export function seal(
  { version, wrappedKey, dataKey }: Pick<Envelope, 'version' | 'wrappedKey'> & { readonly dataKey: Uint8Array },
  plaintext: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt16BE(wrappedKey.length);
  const head = Buffer.concat([Buffer.of(format, version.length), Buffer.from(version, 'latin1'), length, wrappedKey]);
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, dataKey, nonce);
  sealing.setAAD(Buffer.concat([head, aad]));
  return Buffer.concat([head, nonce, sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]);
}

/** Takes a ciphertext apart; undefined for what is none. */
export function readEnvelope(ciphertext: Uint8Array): Envelope | undefined {
  const bytes = Buffer.from(ciphertext);
  const versionEnd = fixedBytes + (bytes[1] ?? 0);
  const wrappedStart = versionEnd + lengthBytes;
  if (bytes[0] !== format || bytes.length < wrappedStart) return undefined;
  const headEnd = wrappedStart + bytes.readUInt16BE(versionEnd);
  if (bytes.length < headEnd + nonceBytes + tagBytes) return undefined;
  return {
    version: bytes.toString('latin1', fixedBytes, versionEnd),
    wrappedKey: bytes.subarray(wrappedStart, headEnd),
    head: bytes.subarray(0, headEnd),
    sealed: bytes.subarray(headEnd),
  };
}

/** The plaintext. @throws AppError internal `cannot_decrypt` */
export function unseal({ head, sealed }: Envelope, dataKey: Uint8Array, aad: Uint8Array): Uint8Array {
  try {
    const opening = createDecipheriv(cipher, dataKey, sealed.subarray(0, nonceBytes));
    opening.setAAD(Buffer.concat([head, aad]));
    opening.setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([opening.update(sealed.subarray(nonceBytes, -tagBytes)), opening.final()]);
  } catch (cause) {
    throw undecryptable(cause);
  }
}
