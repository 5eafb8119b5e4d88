/** Versions of our issuer's key as text, and what commands about keys have in common. */
import { Option } from 'commander';
import type { IdentityKey } from '../gen/enmesh/federation/v1/identity.ts';
import { parseTarget } from './connect.ts';
import { formatTable, formatTime } from './table.ts';

/** What our issuer's key is called among the signing keys, none of which may have this name. */
export const identityName = 'identity';

/** `--server HOST:PORT` of a command that asks the role which has the key. */
export function keyServerOption(): Option {
  return new Option(
    '--server <host:port>',
    'the export role, or for `identity` the federation role (default: ENMESH_EXPORT_TARGET or ENMESH_FEDERATION_TARGET, or else their addresses)',
  ).argParser(parseTarget);
}

/** A line a version. */
export function identityKeyTable(keys: readonly IdentityKey[]): string {
  return formatTable(
    [{ heading: 'VERSION' }, { heading: 'SIGNS FROM' }, { heading: 'PUBLISHED UNTIL' }],
    keys.map(({ version, from, thru }) => [
      version,
      formatTime(from),
      thru === undefined ? 'no end' : formatTime(thru),
    ]),
  );
}
