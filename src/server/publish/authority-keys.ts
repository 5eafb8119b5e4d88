/** Which of a health authority's keys count, and whether one of them signed. */
import { verify } from 'node:crypto';
import type { Authority, AuthorityKey } from './authority-cache.ts';
import type { CompactJws } from './compact-jws.ts';
import { derSignature } from './der-signature.ts';

/** Keys of that version that count now; both ends of their time are outside (reference 3.2). */
export function keysOf(authority: Authority, kid: string | undefined, now: Date): readonly AuthorityKey[] {
  return authority.keys.filter(
    ({ version, validFrom, validThru }) =>
      version === kid && validFrom < now && (validThru === null || validThru > now),
  );
}

/** True when one of the keys made the signature. */
export function isSignedByOneOf(keys: readonly AuthorityKey[], { signingInput, signature }: CompactJws): boolean {
  const der = derSignature(signature);
  return der !== undefined && keys.some(({ publicKey }) => verify('sha256', Buffer.from(signingInput), publicKey, der));
}
