/** Gives a signing key a new version; the old ones sign on for a while, so that phones can learn the new one. */
import { AppError } from '../../domain/errors.ts';
import { nextKeyVersion } from '../../domain/export/key-version.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import type { Queryable } from '../../storage/database.ts';
import {
  endSigningKeyVersions,
  findSigningKey,
  insertSigningKeyVersion,
  keyVersionsBeside,
  publicKeysOf,
  signingKeyVersions,
  type PublicKeyVersion,
} from '../../storage/exports/signing-keys.ts';
import type { ExportDeps } from '../settings.ts';

type Deps = Pick<ExportDeps, 'database' | 'keyManager' | 'clock'>;

/**
 * Makes a new version in the key manager and lets all others end after the overlap. Rotations of one key wait for each
 * other.
 *
 * @param options.actor who asked, for the audit
 * @returns all versions, newest first
 * @throws AppError `not_found`/`signing_key_not_found`; `precondition`/`signing_key_missing` before the key has a first
 * version; `precondition`/`signing_key_ended` after its `thru`
 */
export async function rotateSigningKey(
  { database, keyManager, clock }: Deps,
  name: string,
  { overlapSeconds, actor }: { readonly overlapSeconds: number; readonly actor: string },
): Promise<readonly PublicKeyVersion[]> {
  return await database.transaction(async (client) => {
    const signingKey = await findSigningKey(client, name, { lock: true });
    if (signingKey === null) throw signingKeyNotFound();
    const newest = (await signingKeyVersions(client, signingKey.id))[0];
    if (newest === undefined) throw firstVersionMissing();
    const { thru } = signingKey;
    if (thru !== null && thru <= (await databaseTime(client, clock))) throw signingKeyEnded();
    const taken = await keyVersionsBeside(client, signingKey, newest.keyId);
    const forgotten = await countForgotten({ client, keyManager }, signingKey.key, newest);
    let keyVersion = nextKeyVersion(newest.keyVersion);
    for (let left = forgotten; taken.has(keyVersion) || left > 0; keyVersion = nextKeyVersion(keyVersion)) {
      if (!taken.has(keyVersion)) left -= 1;
    }
    const { version, publicKeyPem } = await keyManager.createSigningKeyVersion(signingKey.key);
    await endSigningKeyVersions(client, signingKey.id, { afterSeconds: overlapSeconds, clock });
    await insertSigningKeyVersion(client, signingKey, {
      version: { keyVersion, managerVersion: version, publicKeyPem },
      clock,
    });
    await recordAudit(client, {
      actor,
      action: 'rotate',
      subject: `signingKeys/${name}`,
      change: { keyVersion, overlapSeconds },
      at: clock.forDatabase(),
    });
    return await signingKeyVersions(client, signingKey.id);
  });
}

/**
 * How many versions the key manager has after `newest` that no signing key here has: a restored database lacks those made
 * since its backup. Phones may know them, so their names are not given to other keys.
 */
async function countForgotten(
  { client, keyManager }: { readonly client: Queryable; readonly keyManager: Deps['keyManager'] },
  key: string,
  newest: PublicKeyVersion,
): Promise<number> {
  const versions = await keyManager.signingKeyVersions(key);
  const known = versions.findIndex(({ publicKeyPem }) => publicKeyPem === newest.publicKeyPem);
  if (known <= 0) return 0;
  const recorded = await publicKeysOf(client, key);
  return versions.slice(0, known).filter(({ publicKeyPem }) => !recorded.has(publicKeyPem)).length;
}

/** All versions of the signing key, newest first. Throws AppError `not_found`/`signing_key_not_found`. */
export async function readSigningKey(database: Deps['database'], name: string): Promise<readonly PublicKeyVersion[]> {
  const signingKey = await findSigningKey(database, name);
  if (signingKey === null) throw signingKeyNotFound();
  return await signingKeyVersions(database, signingKey.id);
}

function signingKeyNotFound(): AppError {
  return new AppError(
    'not_found',
    'signing_key_not_found',
    'no signing key has this name under `signingKeys`; `enmesh apply` adds one',
  );
}

function signingKeyEnded(): AppError {
  return new AppError(
    'precondition',
    'signing_key_ended',
    'the signing key has ended, so no version of it would sign: change its `thru`, or add another signing key',
  );
}

function firstVersionMissing(): AppError {
  return new AppError(
    'precondition',
    'signing_key_missing',
    'the signing key has no version yet: create its key with `enmesh keys create`, then start the export role',
  );
}
