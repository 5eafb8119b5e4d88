/** Revision tokens: the list of keys that their holder may revise, sealed (reference 5.1). */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { decodeLenientBase64 } from '../../domain/publish/base64.ts';
import { intervalsPerDay } from '../../domain/publish/interval.ts';
import type { RevisableKey } from '../../domain/publish/revision.ts';
import { RevisionToken, RevisionTokenData } from '../../gen/revision_token.ts';

/** A data key of revision tokens. */
export interface RevisionKey {
  /** Decimal. */
  readonly kid: string;
  /** Of 32 bytes. */
  readonly secret: KeyObject;
}

/** A token whose list is still sealed. */
export interface SealedToken {
  readonly kid: string;
  readonly data: Buffer;
}

const algorithm = 'aes-256-gcm';
const nonceLength = 12;
const tagLength = 16;
const keyLength = 16;

/**
 * Seals a list.
 * @param options.minLength entries at least; the rest is padding of the same size, so that the length tells no count
 * @returns base64
 */
export function sealRevisionToken(
  entries: readonly RevisableKey[],
  key: RevisionKey,
  options: { readonly aad: Uint8Array; readonly minLength: number },
): string {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv(algorithm, key.secret, nonce).setAAD(options.aad);
  const sealed = cipher.update(encodeEntries(entries, options.minLength));
  const data = Buffer.concat([nonce, sealed, cipher.final(), cipher.getAuthTag()]);
  return Buffer.from(RevisionToken.encode({ kid: key.kid, data }).finish()).toString('base64');
}

/** Takes the outer part of a token apart; undefined = it is none. */
export function parseRevisionToken(text: string): SealedToken | undefined {
  const { bytes } = decodeLenientBase64(text);
  if (bytes === undefined) return undefined;
  try {
    const { kid, data } = RevisionToken.decode(bytes);
    return data.length >= nonceLength + tagLength ? { kid, data } : undefined;
  } catch {
    return undefined;
  }
}

/** Opens a token, leaving its padding out; undefined = it is not ours. */
export function openRevisionToken(
  { data }: SealedToken,
  key: RevisionKey,
  aad: Uint8Array,
): readonly RevisableKey[] | undefined {
  try {
    const decipher = createDecipheriv(algorithm, key.secret, data.subarray(0, nonceLength), {
      authTagLength: tagLength,
    });
    decipher.setAAD(aad).setAuthTag(data.subarray(-tagLength));
    const plaintext = Buffer.concat([decipher.update(data.subarray(nonceLength, -tagLength)), decipher.final()]);
    return RevisionTokenData.decode(plaintext)
      .revisableKeys.map((entry) => ({
        key: entry.temporaryExposureKey,
        intervalStart: entry.intervalNumber,
        intervalCount: entry.intervalCount,
      }))
      .filter(isEntry);
  } catch {
    return undefined;
  }
}

/** Padding has no interval; anything else that no server writes is left out as well. */
function isEntry({ key, intervalStart, intervalCount }: RevisableKey): boolean {
  return key.length === keyLength && intervalStart >= 0 && intervalCount >= 1 && intervalCount <= intervalsPerDay;
}

/** Tag and length of the entry, tag and length and bytes of the key, tag and 5 bytes, tag and 2 bytes. */
const entryLength = 2 + 18 + 6 + 3;

/** RevisionTokenData; numbers are written in their longest form, so that every entry and all padding have one size. */
function encodeEntries(entries: readonly RevisableKey[], minLength: number): Buffer {
  const out = Buffer.alloc(Math.max(entries.length, minLength) * entryLength);
  for (let at = 0, index = 0; at < out.length; at += entryLength, index++) {
    const entry = entries[index];
    out.set([0x0a, entryLength - 2, 0x0a, keyLength], at);
    if (entry) out.set(entry.key, at + 4);
    writeVarint(out, { at: at + 20, tag: 0x10, length: 5, value: entry?.intervalStart ?? 0 });
    writeVarint(out, { at: at + 26, tag: 0x18, length: 2, value: entry?.intervalCount ?? 0 });
  }
  return out;
}

function writeVarint(out: Buffer, field: { at: number; tag: number; length: number; value: number }): void {
  out[field.at] = field.tag;
  let rest = field.value;
  for (let index = 1; index <= field.length; index++) {
    const isLast = index === field.length;
    out[field.at + index] = (rest % 128) + (isLast ? 0 : 128);
    rest = Math.floor(rest / 128);
  }
}
