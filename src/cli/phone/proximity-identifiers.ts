/** Exposure Notification cryptography: everything that a phone broadcasts comes from one temporary exposure key. */
import { createCipheriv, hkdfSync } from 'node:crypto';

// Names, lengths and steps are those of Apple's and Google's "Exposure Notification Cryptography Specification" v1.2.1.

/** Bytes of a rolling proximity identifier (RPI). */
export const identifierLength = 16;

const keyLength = 16;
const identifierPrefix = Buffer.from('EN-RPI');
/** Where the number of the interval stands in the block that becomes an identifier: six bytes of zero come before it. */
const intervalOffset = 12;

/**
 * The rolling proximity identifiers of one key: AES-128 of `EN-RPI`, zeros and the interval, under a key that HKDF
 * derives.
 * @param tek 16 bytes
 * @param start number of the first interval
 * @returns one after another, 16 bytes each, `count` in all
 */
export function identifiersOf(tek: Uint8Array, start: number, count: number): Buffer {
  const blocks = Buffer.alloc(count * identifierLength);
  for (let index = 0; index < count; index++) {
    identifierPrefix.copy(blocks, index * identifierLength);
    blocks.writeUInt32LE((start + index) >>> 0, index * identifierLength + intervalOffset);
  }
  const cipher = createCipheriv('aes-128-ecb', derive(tek, 'EN-RPIK'), null);
  return cipher.setAutoPadding(false).update(blocks);
}

/**
 * Encrypts the metadata that is broadcast beside an identifier, and decrypts it again: AES-128 in counter mode, from the
 * identifier on.
 * @param tek 16 bytes
 */
export function cryptMetadata(tek: Uint8Array, identifier: Uint8Array, metadata: Uint8Array): Buffer {
  return createCipheriv('aes-128-ctr', derive(tek, 'EN-AEMK'), identifier).update(metadata);
}

function derive(tek: Uint8Array, info: 'EN-RPIK' | 'EN-AEMK'): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', tek, new Uint8Array(), info, keyLength));
}
