/** The secret behind hashes and copies, wrapped by the key manager beside them: a database that was made anew has another. */
import { AppError } from '../../domain/errors.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { BlobStore } from '../../storage/blob/blob-store.ts';
import { readObject, secretPlace, writeObject } from './places.ts';
import { copyKeys } from './sealed-copy.ts';

/** What the secret is kept with. */
export interface SecretDeps {
  readonly blobStore: BlobStore;
  readonly keyManager: KeyManager;
  readonly settings: {
    /** Key in the key manager, which revision tokens are under too. */
    readonly revisionTokenKey: string;
  };
}

/** Tells this use of the key from others. */
const purpose = Buffer.from('enmesh withdrawal copies');

/** Writes it where it is not there yet. @throws AppError of the key manager or the blob store */
export async function keepSecret(
  { blobStore, keyManager, settings }: SecretDeps,
  bucket: string,
  secret: Buffer,
): Promise<void> {
  const name = secretPlace(copyKeys(secret).id);
  if ((await blobStore.stat({ bucket, name })) !== null) return;
  const wrapped = await keyManager.encrypt(settings.revisionTokenKey, secret, purpose);
  await writeObject(blobStore, { bucket, name }, wrapped);
}

/**
 * The secret of that id; null when it is not there, or not ours.
 * @throws AppError unavailable when the key manager or the blob store does not answer
 */
export async function keptSecret(
  { blobStore, keyManager, settings }: SecretDeps,
  bucket: string,
  keysId: string,
): Promise<Buffer | null> {
  const wrapped = await readObject(blobStore, bucket, secretPlace(keysId));
  if (wrapped === null) return null;
  try {
    const secret = Buffer.from(await keyManager.decrypt(settings.revisionTokenKey, wrapped, purpose));
    return copyKeys(secret).id === keysId ? secret : null;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'unavailable' || error.kind === 'timeout') throw error;
    return null;
  }
}
