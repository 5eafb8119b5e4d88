/** Revision tokens written and read straight from reference 5.1, with none of the product's code. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Installation } from './installation.ts';

/** An entry of a token. */
export interface TokenEntry {
  readonly key: Buffer;
  readonly start: number;
  readonly count: number;
}

/** A data key and what its tokens are bound to. */
export interface TokenKey {
  readonly kid: string;
  readonly dek: Buffer;
  readonly aad: Buffer;
}

/** Makes a data key known to an installation, as its newest. */
export async function addTokenKey(
  { database, keyManager, clock }: Installation,
  { kid, dek }: Omit<TokenKey, 'aad'>,
): Promise<void> {
  const wrappingAad = randomBytes(16);
  const wrapped = await keyManager.encrypt('revision-token', dek, wrappingAad);
  await database.query(
    `insert into revision_keys (kid, wrapped_key, aad, created_at) overriding system value values ($1, $2, $3, $4)`,
    [kid, Buffer.from(wrapped), wrappingAad, clock.now()],
  );
}

/** Seals entries as the reference server does. */
export function sealToken({ kid, dek, aad }: TokenKey, entries: readonly TokenEntry[]): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', dek, nonce).setAAD(aad);
  const plaintext = Buffer.concat(entries.map((entry) => field(1, encodeEntry(entry))));
  const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([field(1, Buffer.from(kid)), field(2, sealed)]).toString('base64');
}

/** Opens a token: every entry, padding too. */
export function openToken({ kid, dek, aad }: TokenKey, token: string): TokenEntry[] {
  const outer = readFields(Buffer.from(token, 'base64'));
  const data = outer.get(2) as Buffer;
  if (String(outer.get(1)) !== kid) throw new Error(`the token is under key ${String(outer.get(1))}`);
  const decipher = createDecipheriv('aes-256-gcm', dek, data.subarray(0, 12));
  decipher.setAAD(aad).setAuthTag(data.subarray(-16));
  const plaintext = Buffer.concat([decipher.update(data.subarray(12, -16)), decipher.final()]);
  const entries: TokenEntry[] = [];
  for (let at = 0; at < plaintext.length;) {
    if (plaintext[at] !== 0x0a) throw new Error('an entry was expected');
    const { value: length, next } = readVarint(plaintext, at + 1);
    const inner = readFields(plaintext.subarray(next, next + length));
    entries.push({ key: inner.get(1) as Buffer, start: Number(inner.get(2) ?? 0), count: Number(inner.get(3) ?? 0) });
    at = next + length;
  }
  return entries;
}

function encodeEntry({ key, start, count }: TokenEntry): Buffer {
  return Buffer.concat([field(1, key), Buffer.of(0x10), varint(start), Buffer.of(0x18), varint(count)]);
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function readFields(bytes: Buffer): Map<number, Buffer | number> {
  const fields = new Map<number, Buffer | number>();
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at]!;
    const { value, next } = readVarint(bytes, at + 1);
    const isBytes = tag % 8 === 2;
    fields.set(Math.floor(tag / 8), isBytes ? bytes.subarray(next, next + value) : value);
    at = isBytes ? next + value : next;
  }
  return fields;
}

function readVarint(bytes: Buffer, from: number): { value: number; next: number } {
  let value = 0;
  for (let at = from, factor = 1; ; at++, factor *= 128) {
    const byte = bytes[at]!;
    value += (byte % 128) * factor;
    if (byte < 128) return { value, next: at + 1 };
  }
}
