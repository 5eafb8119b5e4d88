/** Gives every configured signing key its first version. */
import { AppError } from '../../domain/errors.ts';
import type { KeyManager, SigningKeyVersion } from '../../platform/key-manager/key-manager.ts';
import {
  findSigningKey,
  insertSigningKeyVersion,
  signingKeysWithoutVersion,
  signingKeyVersions,
  type SigningKey,
} from '../../storage/exports/signing-keys.ts';
import type { ExportDeps } from '../settings.ts';

/**
 * Takes the newest version in the key manager for each signing key that has none yet; with `createMissing`, makes the key
 * where there is none. Safe to call from several replicas.
 *
 * @throws AppError `precondition`/`signing_key_missing` naming the cure; `unavailable` when the key manager doesn't answer
 */
export async function ensureSigningKeys(
  { database, keyManager, clock }: Pick<ExportDeps, 'database' | 'keyManager' | 'clock'>,
  { createMissing }: { readonly createMissing: boolean },
): Promise<void> {
  for (const { name } of await signingKeysWithoutVersion(database)) {
    await database.transaction(async (client) => {
      const signingKey = await findSigningKey(client, name, { lock: true });
      if (signingKey === null || (await signingKeyVersions(client, signingKey.id)).length > 0) return;
      const { version, publicKeyPem } = await firstVersion(keyManager, signingKey, createMissing);
      await insertSigningKeyVersion(client, signingKey, {
        version: { keyVersion: signingKey.firstVersion, managerVersion: version, publicKeyPem },
        clock,
      });
    });
  }
}

async function firstVersion(
  keyManager: KeyManager,
  { name, key }: SigningKey,
  createMissing: boolean,
): Promise<SigningKeyVersion> {
  const newest = (await existingVersions(keyManager, key))[0];
  if (newest !== undefined) return newest;
  if (createMissing) return await keyManager.createSigningKey(key);
  throw new AppError(
    'precondition',
    'signing_key_missing',
    `signing key ${name} has no key ${key} in the key manager: run \`enmesh keys create ${key}\`, or set ENMESH_CREATE_KEYS=true on one replica`,
  );
}

async function existingVersions(keyManager: KeyManager, key: string): Promise<readonly SigningKeyVersion[]> {
  try {
    return await keyManager.signingKeyVersions(key);
  } catch (error) {
    if (error instanceof AppError && error.code === 'key_not_found') return [];
    throw error;
  }
}
