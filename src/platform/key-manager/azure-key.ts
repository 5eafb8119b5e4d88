/** What Azure Key Vault tells of a key, checked and in our words. */
import { createPublicKey } from 'node:crypto';
import type { KeyVaultKey } from '@azure/keyvault-keys';
import type { AppError } from '../../domain/errors.ts';
import { keyUnusable, managerUnavailable, wrongPurpose } from './faults.ts';
import type { KeyPurpose } from './key-files.ts';
import type { SigningKeyVersion } from './key-manager.ts';

/** State of a version. */
export type VersionProperties = KeyVaultKey['properties'];

/** Keys in software, and in hardware. */
const purposes: Readonly<Record<string, KeyPurpose>> = {
  EC: 'signing',
  'EC-HSM': 'signing',
  RSA: 'encryption',
  'RSA-HSM': 'encryption',
};

/** Undefined for keys that we have no use for: of other types, or on another curve than P-256. */
export function purposeOf({ keyType, key }: KeyVaultKey): KeyPurpose | undefined {
  const purpose = purposes[keyType ?? ''];
  return purpose === 'signing' && key?.crv !== 'P-256' ? undefined : purpose;
}

/** Throws AppError `wrong_key_purpose`, or `key_unusable` for a key that can do neither. */
export function checkPurpose(name: string, key: KeyVaultKey, wanted: KeyPurpose): void {
  const purpose = purposeOf(key);
  if (purpose === wanted) return;
  throw purpose === undefined ? foreignType(name) : wrongPurpose(name, purpose);
}

/** The key can do neither. */
export function foreignType(name: string): AppError {
  return keyUnusable(`the key ${name} is of a type that is not used: EC on P-256 signs, RSA encrypts`);
}

/** Enabled, and within its `nbf` and `exp`: Key Vault signs with no others. */
export function isUsable({ enabled, notBefore, expiresOn }: VersionProperties, now: Date): boolean {
  return (
    enabled !== false && (notBefore === undefined || notBefore <= now) && (expiresOn === undefined || now < expiresOn)
  );
}

/** Later ones first; Key Vault's times are whole seconds. */
export function byAge(a: VersionProperties, b: VersionProperties): number {
  return (b.createdOn?.getTime() ?? 0) - (a.createdOn?.getTime() ?? 0);
}

/** A version as others see it. @throws AppError unavailable `key_manager_unavailable` for an answer of another form */
export function describeVersion({ key, properties }: KeyVaultKey): SigningKeyVersion {
  const { version, createdOn } = properties;
  const { x, y } = key ?? {};
  if (version === undefined || createdOn === undefined || x === undefined || y === undefined) throw unknownForm();
  try {
    const jwk = { kty: 'EC', crv: 'P-256', x: base64url(x), y: base64url(y) };
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    return {
      version,
      publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      createdAt: createdOn,
    };
  } catch {
    throw unknownForm();
  }
}

/** Name of a version. */
export function versionOf({ version }: VersionProperties): string {
  if (version === undefined) throw unknownForm();
  return version;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function unknownForm(): AppError {
  return managerUnavailable(new Error('Azure Key Vault describes a key in a form that is not known'));
}
