/** The text of a JWKS → keys that can verify certificates, and what of it cannot. */
import { createPublicKey } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import type { DocumentKey } from '../../domain/jwks/merge-keys.ts';

/** What a document says. */
export interface JwksDocument {
  /** Each `kid` once; never empty. */
  readonly keys: readonly DocumentKey[];
  /** Entries that were left out, and why, such as `v2: wants EC P-256`. */
  readonly skipped: readonly string[];
}

/** More keys than any authority has at a time; bounds what one document makes us store. */
const mostEntries = 100;
/** Unpadded base64url of 32 bytes, the size of a P-256 coordinate (reference 8.1). */
const coordinate = /^[A-Za-z0-9_-]{43}$/;
/** As versions of keys that are entered by hand. */
const kidForm = /^[^\p{Cc}]{1,200}$/u;

/**
 * Reads a bare array of JWKs, as deployed verification servers send it (reference 8.1), or a JWK Set (RFC 7517, 5).
 * Members that do not matter here are ignored, `use`, `alg` and `exp` too. One bad entry harms no other.
 * @throws AppError invalid `jwks_unusable` for a document of which no key can be used: it must not revoke anything
 */
export function readDocument(text: string): JwksDocument {
  const entries = entriesOf(text);
  if (entries.length === 0) throw unusable('is empty; an empty document revokes nothing');
  if (entries.length > mostEntries) throw unusable(`has more than ${String(mostEntries)} keys`);
  const read = entries.map(readEntry);
  const { keys, ambiguous } = onePerKid(read.flatMap((entry) => (typeof entry === 'string' ? [] : [entry])));
  const skipped = [...read.filter((entry) => typeof entry === 'string'), ...ambiguous];
  if (keys.length > 0) return { keys, skipped };
  throw unusable(`has no key that can be used (${skipped[0] ?? ''})`);
}

function entriesOf(text: string): readonly unknown[] {
  if (text.trim() === '') return [];
  const value = parse(text);
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)) return value.keys;
  throw unusable('is neither an array of keys nor an object with `keys`');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unusable('is not JSON');
  }
}

/** A key, or why it is none. */
function readEntry(entry: unknown, index: number): DocumentKey | string {
  const place = `entry ${String(index + 1)}`;
  if (typeof entry !== 'object' || entry === null) return `${place}: is not an object`;
  const jwk = entry as Partial<Record<string, unknown>>;
  const { kid } = jwk;
  if (typeof kid !== 'string' || !kidForm.test(kid) || !kid.isWellFormed()) {
    return `${place}: wants a kid of 1 to 200 characters on one line`;
  }
  if (jwk.kty !== 'EC' || jwk.crv !== 'P-256') return `${kid}: wants EC P-256`;
  if ('d' in jwk) return `${kid}: has its private part beside it, so everybody could sign with it`;
  const publicKeyPem = pemOf(jwk);
  return publicKeyPem === undefined ? `${kid}: is no point on P-256` : { version: kid, publicKeyPem };
}

function pemOf({ x, y }: Partial<Record<string, unknown>>): string | undefined {
  if (typeof x !== 'string' || typeof y !== 'string' || !coordinate.test(x) || !coordinate.test(y)) return undefined;
  try {
    const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
    return key.export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    return undefined;
  }
}

/** A `kid` that stands for two keys could mean either, so it means none. */
function onePerKid(keys: readonly DocumentKey[]): { readonly keys: DocumentKey[]; readonly ambiguous: string[] } {
  const byKid = Map.groupBy(keys, ({ version }) => version);
  const kept: DocumentKey[] = [];
  const ambiguous: string[] = [];
  for (const [kid, same] of byKid) {
    const [first] = same;
    if (first && same.every(({ publicKeyPem }) => publicKeyPem === first.publicKeyPem)) kept.push(first);
    else ambiguous.push(`${kid}: names two different keys`);
  }
  return { keys: kept, ambiguous };
}

function unusable(fault: string): AppError {
  return new AppError('invalid', 'jwks_unusable', `the JWKS ${fault}; nothing was changed`);
}
