/** Variables of what no phone of a nation may meet. */
import * as read from '../readers.ts';
import { variable } from './declare.ts';

export const testInstallations = {
  ENMESH_RELEASE_SAME_DAY_KEYS: variable(read.bool, 'Publish keys that are still valid.', 'false'),
  ENMESH_UNSAFE_RETENTION: variable(read.bool, 'Allow a retention below 10d.', 'false'),
  ENMESH_UNSAFE_SHORT_WINDOWS: variable(
    read.bool,
    'Allow exports with more than 15 files a day, windows and window age down to 1 s.',
    'false',
    'true',
  ),
  ENMESH_UNSAFE_LOOPBACK: variable(
    read.bool,
    'Allow issuers, JWKS and files of other authorities over plain http, and partners without TLS, on loopback addresses.',
    'false',
    'true',
  ),
} as const;
