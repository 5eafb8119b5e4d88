/** Names of the versions of a signing key, as phones know them. */

/** The version after `version`: a number at its end counts up (`v1`, `v2`), otherwise `-2` is appended. */
export function nextKeyVersion(version: string): string {
  const digits = /\d+$/.exec(version)?.[0];
  if (digits === undefined) return `${version}-2`;
  const next = String(BigInt(digits) + 1n).padStart(digits.length, '0');
  return version.slice(0, -digits.length) + next;
}

/** Phones may ignore more signatures than this in one file (reference 1.4). */
export const MAX_SIGNERS = 10;
