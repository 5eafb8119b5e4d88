/** Variables of other authorities' files. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const mirrorsAndImports = {
  ENMESH_MIRROR_INTERVAL: variable(read.positiveDuration, 'How often mirrors are brought up to date.', '5m', '15s'),
  ENMESH_MIRROR_MAX_INDEX_BYTES: variable(
    read.integer(1, 64 * 1024 * 1024),
    'Largest index of another authority that is mirrored.',
    '1048576',
  ),
  ENMESH_MIRROR_MAX_FILE_BYTES: variable(
    read.integer(1, 1024 * 1024 * 1024),
    'Largest file of another authority that is mirrored.',
    '20971520',
  ),
  ENMESH_DOWNLOAD_INDEX_TIMEOUT: variable(
    read.positiveDuration,
    "Longest time to fetch another authority's index, from the name look-up to the last byte.",
    '30s',
  ),
  ENMESH_DOWNLOAD_FILE_TIMEOUT: variable(
    read.positiveDuration,
    "Longest time to fetch one of another authority's files.",
    '2m',
  ),
  ENMESH_DOWNLOAD_CA: optional(
    read.text,
    "PEM file: roots for the servers of other authorities' files; the system's when not set.",
  ),
  ENMESH_DOWNLOAD_ALLOW_PRIVATE_ADDRESSES: variable(
    read.bool,
    "Fetch other authorities' files from private, loopback and link-local addresses too.",
    'false',
  ),
  ENMESH_IMPORT_INTERVAL: variable(read.positiveDuration, 'How often the indexes of imports are read.', '15m', '15s'),
  ENMESH_IMPORT_MAX_INDEX_BYTES: variable(
    read.integer(1, 64 * 1024 * 1024),
    'Largest index of another authority that is imported.',
    '1048576',
  ),
  ENMESH_IMPORT_MAX_FILE_BYTES: variable(
    read.integer(1, 128 * 1024 * 1024),
    'Largest file of another authority that is imported; its `export.bin` may inflate to four times as much.',
    '20971520',
  ),
  ENMESH_IMPORT_MAX_KEYS: variable(
    read.integer(1, 10_000_000),
    'Most keys in one file of another authority that is imported.',
    '2000000',
  ),
  ENMESH_IMPORT_BACKFILL_REPORT_TYPE: variable(
    read.oneOf('none', 'confirmed', 'likely'),
    'Report type of imported keys that have none.',
    'confirmed',
  ),
  ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET: variable(
    read.bool,
    'Imported keys without days since onset get ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET_VALUE.',
    'true',
  ),
  ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET_VALUE: variable(
    read.integer(0, 14),
    'Days since onset of imported keys that have none.',
    '10',
  ),
} as const;
