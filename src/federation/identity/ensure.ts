/** Gives our issuer the first version of its key. */
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { KeyManager, SigningKeyVersion } from '../../platform/key-manager/key-manager.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Database } from '../../storage/database.ts';
import {
  identityKeyVersions,
  insertIdentityKeyVersion,
  lockIdentityKeys,
} from '../../storage/partners/identity-keys.ts';
import { hasPartners } from '../../storage/partners/partners.ts';
import { identityKeyMissing } from '../auth/identity-missing.ts';
import type { OwnIdentity } from '../auth/settings.ts';

/** What our issuer's key is kept with. */
export interface IdentityDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly keyManager: KeyManager;
  readonly logger: Logger;
  readonly identity: OwnIdentity;
}

/** Name of the first version. */
const firstVersion = 'v1';

/**
 * Takes the newest version in the key manager, or with `createMissing` makes the key, unless there is a version already.
 * Safe to call from several replicas.
 *
 * @throws AppError `precondition`/`identity_missing` when there are partners and no key, naming the cure; `unavailable` when
 *   the key manager does not answer
 */
export async function ensureIdentityKey(
  { database, clock, keyManager, logger, identity }: IdentityDeps,
  { createMissing }: { readonly createMissing: boolean },
): Promise<void> {
  const { source, issuer, key } = identity;
  if (source !== 'own' || issuer === undefined) {
    if (issuer === undefined && (await hasPartners(database))) {
      logger.warn('ENMESH_IDENTITY_ISSUER is not set: nothing is pulled from partners or pushed to them');
    }
    return;
  }
  await database.transaction(async (client) => {
    if ((await identityKeyVersions(client, clock)).length > 0) return;
    await lockIdentityKeys(client);
    if ((await identityKeyVersions(client, clock)).length > 0) return;
    const version = await newestVersion(keyManager, key, createMissing);
    if (version === undefined) {
      if (await hasPartners(client)) throw identityKeyMissing(key);
      return;
    }
    await insertIdentityKeyVersion(
      client,
      {
        version: firstVersion,
        key,
        managerVersion: version.version,
        publicKeyPem: version.publicKeyPem,
        signsAfterSeconds: 0,
      },
      clock,
    );
  });
}

async function newestVersion(
  keyManager: KeyManager,
  key: string,
  createMissing: boolean,
): Promise<SigningKeyVersion | undefined> {
  try {
    return (await keyManager.signingKeyVersions(key))[0];
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'key_not_found') throw error;
    return createMissing ? await keyManager.createSigningKey(key) : undefined;
  }
}
