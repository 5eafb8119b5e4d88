/** What Vault's transit engine tells of a key, checked and in our words. */
import { createPublicKey } from 'node:crypto';
import type { AppError } from '../../domain/errors.ts';
import { keyUnusable, managerUnavailable, wrongPurpose } from './faults.ts';
import type { KeyPurpose } from './key-files.ts';
import { isObject } from './vault-http.ts';

/** A key of the transit engine. */
export interface TransitKey {
  readonly name: string;
  /** Undefined for types that we have no use for. */
  readonly purpose: KeyPurpose | undefined;
  /** Binds what it encrypts by a key derivation instead of by associated data. */
  readonly isDerived: boolean;
  /** Those that may be used, newest first. */
  readonly versions: readonly TransitVersion[];
}

/** One version of it. */
export interface TransitVersion {
  /** A number from 1. */
  readonly version: string;
  readonly createdAt: Date;
  /** Of keys that sign. */
  readonly publicKey: unknown;
}

/** What `type` names, as far as we use it. */
const purposes: Readonly<Record<string, KeyPurpose>> = {
  'ecdsa-p256': 'signing',
  'aes256-gcm96': 'encryption',
  'aes128-gcm96': 'encryption',
  'chacha20-poly1305': 'encryption',
};

/**
 * Reads `data` of the answer to GET `keys/:name`. Versions below `min_encryption_version` are left out: Vault signs with
 * none of them.
 * @throws AppError unavailable `key_manager_unavailable` for an answer of another form
 */
export function readTransitKey(name: string, data: unknown): TransitKey {
  if (!isObject(data) || typeof data.type !== 'string' || !isObject(data.keys)) {
    throw managerUnavailable(new Error('Vault describes a key in a form that is not known'));
  }
  const oldest = typeof data.min_encryption_version === 'number' ? data.min_encryption_version : 0;
  const versions = Object.entries(data.keys)
    .filter(([version]) => /^[1-9]\d{0,9}$/.test(version) && Number(version) >= oldest)
    .sort(([a], [b]) => Number(b) - Number(a))
    .map(([version, entry]) => readVersion(version, entry));
  return { name, purpose: purposes[data.type], isDerived: data.derived === true, versions };
}

/** Keys that encrypt show their time alone, in seconds; keys that sign an object with RFC 3339. */
function readVersion(version: string, entry: unknown): TransitVersion {
  const created = isObject(entry) ? entry.creation_time : entry;
  const createdAt =
    typeof created === 'number' ? new Date(created * 1000) : new Date(typeof created === 'string' ? created : NaN);
  if (Number.isNaN(createdAt.getTime())) throw managerUnavailable(new Error('Vault tells no time of a key version'));
  return { version, createdAt, publicKey: isObject(entry) ? entry.public_key : undefined };
}

/** Throws AppError `wrong_key_purpose`, or `key_unusable` for a key that can do neither. */
export function checkPurpose({ name, purpose }: TransitKey, wanted: KeyPurpose): void {
  if (purpose === wanted) return;
  if (purpose !== undefined) throw wrongPurpose(name, purpose);
  throw foreignType(name);
}

/** The key can do neither. */
export function foreignType(name: string): AppError {
  return keyUnusable(`the key ${name} is of a type that is not used: ecdsa-p256 signs, aes256-gcm96 encrypts`);
}

/** SPKI PEM. @throws AppError unavailable `key_manager_unavailable` when there is none, or none on P-256 */
export function publicKeyPemOf({ publicKey }: TransitVersion): string {
  try {
    const key = createPublicKey(typeof publicKey === 'string' ? publicKey : '');
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
      return key.export({ type: 'spki', format: 'pem' }).toString();
    }
  } catch {
    // The parser's words may quote the answer.
  }
  throw managerUnavailable(new Error('Vault shows no P-256 public key for a version'));
}
