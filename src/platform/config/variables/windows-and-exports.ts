/** Variables of windows, exports, and where files are kept. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const windowsAndExports = {
  ENMESH_TRUNCATE_WINDOW: variable(
    read.positiveDuration,
    'Times of keys are rounded down to multiples of this, so that no upload can be told from others; at least 1m, and divides a day, but in test installations.',
    '1h',
    '5s',
  ),
  ENMESH_EXPORT_MIN_WINDOW_AGE: variable(
    read.duration,
    'A window is exported so long after its end; at least 1m but in test installations.',
    '2h',
    '1s',
  ),
  ENMESH_EXPORT_MIN_RECORDS: variable(
    read.integer(0, 10_000_000),
    'A file with fewer keys is padded to at least so many.',
    '1000',
  ),
  ENMESH_EXPORT_PADDING_RANGE: variable(
    read.integer(0, 1_000_000),
    'Padding adds a random number from 0 to this.',
    '100',
  ),
  ENMESH_EXPORT_MAX_RECORDS: variable(read.integer(1, 10_000_000), 'A file holds at most so many keys.', '500000'),
  ENMESH_EXPORT_INTERVAL: variable(read.positiveDuration, 'How often the export role looks for work.', '1m', '5s'),
  ENMESH_EXPORT_LEASE: variable(
    read.positiveDuration,
    'How long a batch is held by one worker without a renewal.',
    '5m',
    '30s',
  ),
  ENMESH_EXPORT_CONCURRENCY: variable(read.integer(1, 64), 'Batches that one process builds at a time.', '2'),
  ENMESH_RETENTION: variable(
    read.positiveDuration,
    'Keys are deleted so long after they were published; at least 10d.',
    '14d',
  ),
  ENMESH_BLOB_STORE: variable(
    read.oneOf('filesystem', 'gcs', 's3', 'azure'),
    'Where files are published: `filesystem` (under the data directory), `gcs`, `s3` or `azure`.',
    'filesystem',
  ),
  ENMESH_WITHDRAWALS_BUCKET: optional(
    read.text,
    'Bucket of the blob store for copies of withdrawals, which a restored database is brought up to date from (docs/operations.md); `withdrawals` with `filesystem`, none with other stores. Not one that is public.',
  ),
  ENMESH_CREATE_BUCKETS: variable(
    read.bool,
    'Make buckets of `gcs`, `s3` and `azure` that are missing when something is written to them.',
    'false',
    'true',
  ),
  ENMESH_GCS_ENDPOINT: {
    ...optional(
      read.endpoint,
      "With `gcs`: instead of Google's own endpoint, such as a private one or an emulator; credentials are sent over https only. Google's client finds them by its own rules (`GOOGLE_APPLICATION_CREDENTIALS`, metadata server).",
    ),
    also: ['STORAGE_EMULATOR_HOST'],
  },
  ENMESH_GCS_PROJECT: {
    ...optional(read.text, 'With `gcs`: project in which missing buckets are made.'),
    also: ['GOOGLE_CLOUD_PROJECT'],
  },
  ENMESH_S3_REGION: {
    ...optional(
      read.text,
      "With `s3`: region of the buckets; `us-east-1` with an endpoint of its own. Amazon's client finds credentials by its own rules (`AWS_ACCESS_KEY_ID`, profile, role).",
    ),
    also: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
  },
  ENMESH_S3_ENDPOINT: {
    ...optional(read.endpoint, "With `s3`: instead of Amazon's own endpoint, another store that speaks its protocol."),
    also: ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
  },
  ENMESH_S3_PATH_STYLE: optional(
    read.bool,
    'With `s3`: the bucket stands in the path, not in the host name; true when there is an endpoint of its own.',
  ),
  ENMESH_AZURE_STORAGE_CONNECTION_STRING: {
    ...optional(
      read.text,
      'With `azure`: connection string of the storage account, wins over the next three. Usually a secret reference.',
    ),
    also: ['AZURE_STORAGE_CONNECTION_STRING'],
  },
  ENMESH_AZURE_STORAGE_ACCOUNT: {
    ...optional(read.text, 'With `azure`: name of the storage account.'),
    also: ['AZURE_STORAGE_ACCOUNT'],
  },
  ENMESH_AZURE_STORAGE_KEY: {
    ...optional(
      read.text,
      "With `azure`: key of the account, usually a secret reference. Without it Azure's client finds credentials by its own rules (workload or managed identity, `AZURE_CLIENT_ID` …).",
    ),
    also: ['AZURE_STORAGE_KEY'],
  },
  ENMESH_AZURE_STORAGE_ENDPOINT: optional(
    read.endpoint,
    'With `azure`: URL of the blob service; `https://ACCOUNT.blob.core.windows.net` when not set.',
  ),
} as const;
