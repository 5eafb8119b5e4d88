/** Versions of a signing key as text. */
import type { PublicKey } from '../gen/enmesh/export/v1/export.ts';
import { formatTable, formatTime } from './table.ts';

/** A line a version. */
export function signingKeyTable(versions: readonly PublicKey[]): string {
  return formatTable(
    [{ heading: 'KEY ID' }, { heading: 'VERSION' }, { heading: 'SIGNS FROM' }, { heading: 'SIGNS UNTIL' }],
    versions.map((version) => [
      version.keyId,
      version.keyVersion,
      formatTime(version.from),
      version.thru === undefined ? 'no end' : formatTime(version.thru),
    ]),
  );
}

/** The newest version that signs at `now`, or else the newest that is known. */
export function currentVersion(versions: readonly PublicKey[], now: Date): PublicKey | undefined {
  const signs = (version: PublicKey): boolean =>
    (version.from?.getTime() ?? -Infinity) <= now.getTime() && now.getTime() < (version.thru?.getTime() ?? Infinity);
  return versions.find(signs) ?? versions[0];
}
