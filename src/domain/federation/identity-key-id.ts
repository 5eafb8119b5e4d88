/** What a version of our issuer's key is called in tokens and in the JWKS. */
import { createHash } from 'node:crypto';

/** Enough of the hash that no two keys share a name. */
const hashCharacters = 10;

/**
 * The `kid`: the version, and the beginning of its public key's SHA-256. An issuer that lost its keys begins with `v1`
 * anew: partners that remember another key of that name would refuse it until they forget.
 */
export function identityKeyId({ version, publicKeyPem }: { version: string; publicKeyPem: string }): string {
  const hash = createHash('sha256').update(publicKeyPem.replace(/\s/g, '')).digest('base64url');
  return `${version}-${hash.slice(0, hashCharacters)}`;
}
