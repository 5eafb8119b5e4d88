/** Signatures that are verified before anyone sees them: a key manager that errs must never yield a bad file. */
import { AppError } from '../../domain/errors.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { ContentToSign } from '../file/write.ts';

/** A version of a key, as it was when it was recorded. */
export interface RecordedKey {
  /** Key in the key manager. */
  readonly key: string;
  readonly managerVersion: string;
  /** SPKI PEM, P-256: what phones verify with. */
  readonly publicKeyPem: string;
}

/**
 * Signs, and verifies with the recorded public key: another version's signature (reference 12, item 26), one of a key that
 * was made anew under the old name, or garbage is refused.
 *
 * @returns ASN.1 DER ECDSA signature
 * @throws AppError `internal`/`signature_refused`; those of the key manager
 */
export async function signVerified(
  keyManager: Pick<KeyManager, 'sign'>,
  { key, managerVersion, publicKeyPem }: RecordedKey,
  { sha256, isSignedBy }: ContentToSign,
): Promise<Uint8Array> {
  const signature = await keyManager.sign(key, managerVersion, sha256);
  if (isSignedBy(publicKeyPem, signature)) return signature;
  throw new AppError(
    'internal',
    'signature_refused',
    `what the key manager gave as a signature of the key ${key} does not verify with its recorded public key; nothing was published: see that the key is the one that was recorded, or rotate it`,
  );
}
