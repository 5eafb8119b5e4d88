/** Every key that may have signed a file of an export, whatever the database remembers of it. */
import { AppError } from '../../domain/errors.ts';
import { exportKeyNames, exportPublicKeys } from '../../storage/exports/signing-keys.ts';
import type { ExportDeps } from '../settings.ts';

type Deps = Pick<ExportDeps, 'database' | 'keyManager' | 'clock' | 'settings'>;

/**
 * Public keys, SPKI PEM: those that the database has, and those of all versions in the key manager. A database that was
 * made anew has but one version of each key.
 *
 * @throws AppError of the database or the key manager; a key that is not there counts as none
 */
export async function everyPublicKey(
  { database, keyManager, clock, settings }: Deps,
  exportId: number,
): Promise<readonly string[]> {
  const recorded = await exportPublicKeys(database, exportId, { clock, ...settings });
  const publicKeys = new Set(recorded.map(({ publicKeyPem }) => publicKeyPem));
  for (const name of await exportKeyNames(database, exportId)) {
    try {
      for (const { publicKeyPem } of await keyManager.signingKeyVersions(name)) publicKeys.add(publicKeyPem);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'key_not_found') throw error;
    }
  }
  return [...publicKeys];
}
