/** Versions of our issuer's key between the domain and messages. */
import type { IdentityKey } from '../../gen/enmesh/federation/v1/identity.ts';
import type { IdentityKeyVersion } from '../../storage/partners/identity-keys.ts';

/** For an answer. */
export function toIdentityKey({ version, publicKeyPem, from, thru }: IdentityKeyVersion): IdentityKey {
  return { version, publicKeyPem, from, thru: thru ?? undefined };
}
