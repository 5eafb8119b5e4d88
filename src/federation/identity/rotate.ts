/** Gives our issuer's key a new version: published at once, signing when partners can have seen it. */
import { AppError } from '../../domain/errors.ts';
import { nextKeyVersion } from '../../domain/export/key-version.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import {
  endIdentityKeyVersions,
  identityKeyVersions,
  insertIdentityKeyVersion,
  lockIdentityKeys,
  type IdentityKeyVersion,
} from '../../storage/partners/identity-keys.ts';
import { identityKeyMissing, issuerMissing } from '../auth/identity-missing.ts';
import { tokenLifeSeconds } from '../auth/own-tokens.ts';
import type { IdentityDeps } from './ensure.ts';

/**
 * From its publication to its first signature. The gateway remembers the JWKS for a minute and caches may for five; a
 * partner that meets an unknown `kid` reads it again, at most each 30 s: twice that, for clocks and retries.
 */
const publishedBeforeSeconds = 600;

/** How to rotate. */
export interface Rotation {
  /**
   * So long the old versions are published once the new one signs: at least as long as their tokens live. 0 = they are
   * compromised: the new one signs at once, and the old ones go.
   */
  readonly overlapSeconds: number;
  /** Who asked, for the audit. */
  readonly actor: string;
}

/**
 * Rotations wait for each other.
 * @returns all versions, newest first
 * @throws AppError `invalid`/`overlap_too_short`; `precondition`/`identity_missing` before there is a first version; those of
 *   the key manager
 */
export async function rotateIdentityKey(
  { database, keyManager, clock, identity }: IdentityDeps,
  { overlapSeconds, actor }: Rotation,
): Promise<readonly IdentityKeyVersion[]> {
  if (overlapSeconds > 0 && overlapSeconds < tokenLifeSeconds) throw overlapTooShort();
  if (identity.source !== 'own' || identity.issuer === undefined) throw issuerMissing();
  const signsAfterSeconds = overlapSeconds === 0 ? 0 : publishedBeforeSeconds;
  return await database.transaction(async (client) => {
    await lockIdentityKeys(client);
    const newest = (await identityKeyVersions(client, clock))[0];
    if (newest === undefined) throw identityKeyMissing(identity.key);
    const made = await keyManager.createSigningKeyVersion(newest.key);
    await endIdentityKeyVersions(client, signsAfterSeconds + overlapSeconds, clock);
    const version = nextKeyVersion(newest.version);
    const { version: managerVersion, publicKeyPem } = made;
    await insertIdentityKeyVersion(
      client,
      { version, key: newest.key, managerVersion, publicKeyPem, signsAfterSeconds },
      clock,
    );
    await recordAudit(client, {
      actor,
      action: 'rotate',
      subject: 'identity',
      change: { version, overlapSeconds },
      at: clock.forDatabase(),
    });
    return await identityKeyVersions(client, clock);
  });
}

function overlapTooShort(): AppError {
  return new AppError(
    'invalid',
    'overlap_too_short',
    'the overlap is shorter than an hour, so tokens that are still good could not be verified; take 1h or more, or 0s if the key is compromised',
  );
}
