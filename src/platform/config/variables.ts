/** Every environment variable, declared once: name, reader, default, meaning. `docs/configuration.md` is made from it. */
import { rolePairs } from './caller-readers.ts';
import * as read from './readers.ts';
import type { Reader } from './readers.ts';

/** One environment variable. */
export interface Variable<T> {
  readonly reader: Reader<T>;
  /** Text that the reader takes; absent = no default. */
  readonly fallback?: string;
  /** Names of the ecosystem that are read, in this order, where ours is not set. */
  readonly also?: readonly string[];
  /** Text that `enmesh dev` uses where nothing is set. */
  readonly dev?: string;
  /** One sentence for the documentation. */
  readonly doc: string;
  readonly group: Group;
}

/** Heading in the documentation. */
export type Group =
  | 'General'
  | 'Database'
  | 'Addresses'
  | 'TLS and callers'
  | 'Windows and exports'
  | 'Publishing'
  | 'Keys and secrets'
  | 'Federation'
  | 'Mirrors and imports'
  | 'Test installations only';

function variable<T>(group: Group, reader: Reader<T>, doc: string, fallback: string, dev?: string): Variable<T> {
  return { group, reader, doc, fallback, ...(dev === undefined ? {} : { dev }) };
}

function optional<T>(group: Group, reader: Reader<T>, doc: string, dev?: string): Variable<T | undefined> {
  return { group, reader, doc, ...(dev === undefined ? {} : { dev }) };
}

type TlsNames<Prefix extends string> = `${Prefix}_TLS_${'CERT' | 'KEY' | 'CLIENT_CA'}`;

function tls<Prefix extends string>(
  prefix: Prefix,
  what: string,
): Record<TlsNames<Prefix>, Variable<string | undefined>> {
  const group = 'TLS and callers';
  return {
    [`${prefix}_TLS_CERT`]: optional(group, read.text, `PEM file: certificate of ${what}.`),
    [`${prefix}_TLS_KEY`]: optional(group, read.text, 'PEM file: its private key.'),
    [`${prefix}_TLS_CLIENT_CA`]: optional(
      group,
      read.text,
      `PEM file: who signs the certificates that callers of ${what} must show.`,
    ),
  } as Record<TlsNames<Prefix>, Variable<string | undefined>>;
}

/** All of them. */
export const variables = {
  ENMESH_CONFIG: optional('General', read.text, 'Configuration file, applied at start as `enmesh apply` does.'),
  ENMESH_DATA_DIR: optional(
    'General',
    read.text,
    'Folder of the embedded database, of filesystem blobs and of filesystem keys.',
    '.enmesh',
  ),
  ENMESH_LOG_LEVEL: variable(
    'General',
    read.oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    'Least level that is logged.',
    'info',
  ),
  ENMESH_MAINTENANCE_MODE: variable('General', read.bool, 'Publish and stats answer 503.', 'false'),
  ENMESH_STOP_TIMEOUT: variable(
    'General',
    read.positiveDuration,
    'Longest time from the wish to stop to the end of the process.',
    '10s',
  ),
  ENMESH_STOP_DRAIN: variable(
    'General',
    read.duration,
    'When asked to stop, the process says that it is not ready but takes new requests for so long, so that load balancers notice; part of ENMESH_STOP_TIMEOUT.',
    '1s',
    '0s',
  ),

  ENMESH_DATABASE_URL: optional(
    'Database',
    read.databaseUrl,
    'PostgreSQL to use. `enmesh dev` starts its own under the data directory when this is not set.',
  ),
  ENMESH_DATABASE_DIRECT_URL: optional(
    'Database',
    read.databaseUrl,
    'For LISTEN, jobs and migrations, when the other is a transaction-mode pooler; the same otherwise.',
  ),
  ENMESH_MIGRATE_AT_START: variable(
    'Database',
    read.bool,
    'Bring the schema up to date at start, one process at a time; when false, `enmesh migrate` does it, and roles refuse to start on an old schema.',
    'true',
  ),
  ENMESH_DATABASE_POOL_SIZE: variable(
    'Database',
    read.integer(1, 1000),
    'Connections of requests and exports at most, per process; at least 2 × ENMESH_EXPORT_CONCURRENCY + 2 in the export role. Jobs use further connections of their own in each process of the server, export and federation roles: at most 2 × ENMESH_EXPORT_CONCURRENCY + 4 × ENMESH_FEDERATION_CONCURRENCY + 12.',
    '10',
  ),
  ENMESH_DATABASE_STATEMENT_TIMEOUT: variable(
    'Database',
    read.positiveDuration,
    'Longest statement, and longest idle transaction, of a request.',
    '30s',
  ),

  ENMESH_GATEWAY_ADDRESS: variable('Addresses', read.address, 'HTTP for phones.', '127.0.0.1:8080'),
  ENMESH_GRPC_ADDRESS: variable('Addresses', read.address, 'Server role: core and operations RPCs.', '127.0.0.1:9090'),
  ENMESH_EXPORT_ADDRESS: variable('Addresses', read.address, 'Export role.', '127.0.0.1:9091'),
  ENMESH_FEDERATION_ADDRESS: variable('Addresses', read.address, 'Federation role: partners.', '127.0.0.1:9092'),
  ENMESH_METRICS_ADDRESS: variable(
    'Addresses',
    read.address,
    '`/metrics`, `/healthz` and `/readyz`; one per process.',
    '127.0.0.1:9100',
  ),
  ENMESH_SERVER_TARGET: optional(
    'Addresses',
    read.target,
    'Where other roles and the command line find the server role; its address when not set.',
  ),
  ENMESH_EXPORT_TARGET: optional(
    'Addresses',
    read.target,
    'Where they find the export role; its address when not set.',
  ),
  ENMESH_FEDERATION_TARGET: optional(
    'Addresses',
    read.target,
    'Where they find the federation role; its address when not set.',
  ),

  ENMESH_GATEWAY_TLS_CERT: optional('TLS and callers', read.text, 'PEM file: certificate of the gateway.'),
  ENMESH_GATEWAY_TLS_KEY: optional('TLS and callers', read.text, 'PEM file: its private key.'),
  ...tls('ENMESH_GRPC', 'the server role'),
  ...tls('ENMESH_EXPORT', 'the export role'),
  ...tls('ENMESH_FEDERATION', 'the federation role'),
  ENMESH_CLIENT_TLS_CERT: optional(
    'TLS and callers',
    read.text,
    'PEM file: certificate that this process shows to the roles that it calls.',
  ),
  ENMESH_CLIENT_TLS_KEY: optional('TLS and callers', read.text, 'PEM file: its private key.'),
  ENMESH_CLIENT_TLS_CA: optional(
    'TLS and callers',
    read.text,
    'PEM file: who signs the certificates of the roles that it calls; calls use TLS when this is set.',
  ),
  ENMESH_CLIENT_TOKEN: optional(
    'TLS and callers',
    read.text,
    'Token that this process shows to the roles that it calls, instead of a certificate; off loopback it needs ENMESH_CLIENT_TLS_CA. Usually a secret reference.',
  ),
  ENMESH_CALLERS: variable(
    'TLS and callers',
    rolePairs,
    'Caller roles by certificate: `SAN=ROLE` pairs separated by commas; roles are `gateway`, `read` and `operate`.',
    '',
  ),
  ENMESH_CALLER_TOKENS: variable(
    'TLS and callers',
    rolePairs,
    'Caller roles by token: `TOKEN=ROLE` pairs separated by commas; when set, callers on loopback need one too. Usually a secret reference.',
    '',
  ),

  ENMESH_TRUNCATE_WINDOW: variable(
    'Windows and exports',
    read.positiveDuration,
    'Times of keys are rounded down to multiples of this, so that no upload can be told from others; at least 1m but in test installations.',
    '1h',
    '5s',
  ),
  ENMESH_EXPORT_MIN_WINDOW_AGE: variable(
    'Windows and exports',
    read.duration,
    'A window is exported so long after its end; at least 1m but in test installations.',
    '2h',
    '1s',
  ),
  ENMESH_EXPORT_MIN_RECORDS: variable(
    'Windows and exports',
    read.integer(0, 10_000_000),
    'A file with fewer keys is padded to at least so many.',
    '1000',
  ),
  ENMESH_EXPORT_PADDING_RANGE: variable(
    'Windows and exports',
    read.integer(0, 1_000_000),
    'Padding adds a random number from 0 to this.',
    '100',
  ),
  ENMESH_EXPORT_MAX_RECORDS: variable(
    'Windows and exports',
    read.integer(1, 10_000_000),
    'A file holds at most so many keys.',
    '500000',
  ),
  ENMESH_EXPORT_INTERVAL: variable(
    'Windows and exports',
    read.positiveDuration,
    'How often the export role looks for work.',
    '1m',
    '5s',
  ),
  ENMESH_EXPORT_LEASE: variable(
    'Windows and exports',
    read.positiveDuration,
    'How long a batch is held by one worker without a renewal.',
    '5m',
    '30s',
  ),
  ENMESH_EXPORT_CONCURRENCY: variable(
    'Windows and exports',
    read.integer(1, 64),
    'Batches that one process builds at a time.',
    '2',
  ),
  ENMESH_RETENTION: variable(
    'Windows and exports',
    read.positiveDuration,
    'Keys are deleted so long after they were published; at least 10d.',
    '14d',
  ),
  ENMESH_BLOB_STORE: variable(
    'Windows and exports',
    read.oneOf('filesystem', 'gcs', 's3', 'azure'),
    'Where files are published: `filesystem` (under the data directory), `gcs`, `s3` or `azure`.',
    'filesystem',
  ),
  ENMESH_CREATE_BUCKETS: variable(
    'Windows and exports',
    read.bool,
    'Make buckets of `gcs`, `s3` and `azure` that are missing when something is written to them.',
    'false',
    'true',
  ),
  ENMESH_GCS_ENDPOINT: {
    ...optional(
      'Windows and exports',
      read.endpoint,
      "With `gcs`: instead of Google's own endpoint, such as a private one or an emulator; credentials are sent over https only. Google's client finds them by its own rules (`GOOGLE_APPLICATION_CREDENTIALS`, metadata server).",
    ),
    also: ['STORAGE_EMULATOR_HOST'],
  },
  ENMESH_GCS_PROJECT: {
    ...optional('Windows and exports', read.text, 'With `gcs`: project in which missing buckets are made.'),
    also: ['GOOGLE_CLOUD_PROJECT'],
  },
  ENMESH_S3_REGION: {
    ...optional(
      'Windows and exports',
      read.text,
      "With `s3`: region of the buckets; `us-east-1` with an endpoint of its own. Amazon's client finds credentials by its own rules (`AWS_ACCESS_KEY_ID`, profile, role).",
    ),
    also: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
  },
  ENMESH_S3_ENDPOINT: {
    ...optional(
      'Windows and exports',
      read.endpoint,
      "With `s3`: instead of Amazon's own endpoint, another store that speaks its protocol.",
    ),
    also: ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
  },
  ENMESH_S3_PATH_STYLE: optional(
    'Windows and exports',
    read.bool,
    'With `s3`: the bucket stands in the path, not in the host name; true when there is an endpoint of its own.',
  ),
  ENMESH_AZURE_STORAGE_CONNECTION_STRING: {
    ...optional(
      'Windows and exports',
      read.text,
      'With `azure`: connection string of the storage account, wins over the next three. Usually a secret reference.',
    ),
    also: ['AZURE_STORAGE_CONNECTION_STRING'],
  },
  ENMESH_AZURE_STORAGE_ACCOUNT: {
    ...optional('Windows and exports', read.text, 'With `azure`: name of the storage account.'),
    also: ['AZURE_STORAGE_ACCOUNT'],
  },
  ENMESH_AZURE_STORAGE_KEY: {
    ...optional(
      'Windows and exports',
      read.text,
      "With `azure`: key of the account, usually a secret reference. Without it Azure's client finds credentials by its own rules (workload or managed identity, `AZURE_CLIENT_ID` …).",
    ),
    also: ['AZURE_STORAGE_KEY'],
  },
  ENMESH_AZURE_STORAGE_ENDPOINT: optional(
    'Windows and exports',
    read.endpoint,
    'With `azure`: URL of the blob service; `https://ACCOUNT.blob.core.windows.net` when not set.',
  ),

  ENMESH_MAX_KEYS_ON_PUBLISH: variable('Publishing', read.integer(1, 1000), 'Most keys in one publish.', '30'),
  ENMESH_MAX_SAME_START_INTERVAL_KEYS: variable(
    'Publishing',
    read.integer(1, 100),
    'Most keys of one publish with the same start.',
    '3',
  ),
  ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH: variable(
    'Publishing',
    read.positiveDuration,
    'A key that ended longer ago is refused.',
    '15d',
  ),
  ENMESH_MAX_SYMPTOM_ONSET_DAYS: variable(
    'Publishing',
    read.integer(1, 1000),
    'A key further from symptom onset, in days, is left out with a warning.',
    '14',
  ),
  ENMESH_MAX_VALID_SYMPTOM_ONSET_REPORT_DAYS: variable(
    'Publishing',
    read.integer(1, 1000),
    'An onset longer ago, in days, counts as not given.',
    '28',
  ),
  ENMESH_DEFAULT_SYMPTOM_ONSET_DAYS_AGO: variable(
    'Publishing',
    read.integer(0, 1000),
    'Where no onset is given, it is taken to be so many days ago.',
    '4',
  ),
  ENMESH_RESPONSE_PADDING_MIN_BYTES: variable(
    'Publishing',
    read.integer(1, 1_000_000),
    'Random bytes in a publish answer, at least.',
    '1024',
  ),
  ENMESH_RESPONSE_PADDING_RANGE: variable(
    'Publishing',
    read.integer(1, 1_000_000),
    'Random bytes in a publish answer, at most so many more (less one).',
    '1024',
  ),
  ENMESH_STATS_RESPONSE_PADDING_MIN_BYTES: variable(
    'Publishing',
    read.integer(1, 1_000_000),
    'Random bytes in an answer to `POST /v1/stats`, at least.',
    '2048',
  ),
  ENMESH_STATS_RESPONSE_PADDING_RANGE: variable(
    'Publishing',
    read.integer(1, 1_000_000),
    'Random bytes in such an answer, at most so many more (less one).',
    '1024',
  ),
  ENMESH_STATS_AUDIENCE: variable(
    'Publishing',
    read.text,
    '`aud` of the tokens with which health authorities read their statistics.',
    'keyserver',
  ),
  ENMESH_STATS_UPLOAD_MINIMUM: variable(
    'Publishing',
    read.integer(10, 1_000_000),
    'A day with fewer publishes is never shown in statistics.',
    '10',
  ),
  ENMESH_STATS_EMBARGO_PERIOD: variable(
    'Publishing',
    read.duration,
    'A day is shown in statistics so long after its end; at least 1h.',
    '1h',
  ),
  ENMESH_CERTIFICATE_LEEWAY: variable(
    'Publishing',
    read.duration,
    "Tolerance for the clocks of health authorities' servers.",
    '60s',
  ),
  ENMESH_CERTIFICATE_MAX_LIFETIME: variable(
    'Publishing',
    read.positiveDuration,
    'Longest time from `iat` to `exp` of a certificate.',
    '24h',
  ),
  ENMESH_ALLOW_PARTIAL_REVISIONS: variable(
    'Publishing',
    read.bool,
    'Known keys that the revision token does not list are left out instead of refusing the request.',
    'false',
  ),
  ENMESH_AUTHORITY_CACHE: variable(
    'Publishing',
    read.positiveDuration,
    'How long apps, health authorities and their keys are remembered; at most 30s.',
    '10s',
  ),
  ENMESH_JWKS_INTERVAL: variable(
    'Publishing',
    read.positiveDuration,
    'How often the JWKS of health authorities (`jwksUri`) are read.',
    '2m',
    '15s',
  ),
  ENMESH_JWKS_TIMEOUT: variable(
    'Publishing',
    read.positiveDuration,
    'Longest time to fetch one JWKS, from the name look-up to the last byte.',
    '30s',
  ),
  ENMESH_JWKS_KEY_CLEANUP: variable(
    'Publishing',
    read.positiveDuration,
    'A key that left its JWKS is deleted so long after.',
    '30d',
  ),
  ENMESH_JWKS_CA: optional('Publishing', read.text, "PEM file: roots for JWKS; the system's when not set."),
  ENMESH_JWKS_ALLOW_PRIVATE_ADDRESSES: variable(
    'Publishing',
    read.bool,
    'Read JWKS from private, loopback and link-local addresses too, for health authorities in a network of their own.',
    'false',
  ),

  ENMESH_ENABLE_V1ALPHA1_API: variable(
    'Publishing',
    read.bool,
    'Answer the v1alpha1 publish at `POST /`, as the first apps send it.',
    'false',
  ),
  ENMESH_RATE_LIMIT_PER_MINUTE: variable(
    'Publishing',
    read.integer(0, 1_000_000),
    'Requests to publish and stats per minute, hashed client address and gateway process, chaff included; 0 = off. A whole nation may share one address.',
    '0',
  ),
  ENMESH_TRUSTED_PROXIES: variable(
    'Publishing',
    read.cidrs,
    'CIDRs whose `Forwarded` and `X-Forwarded-For` count for the rate limit, separated by commas.',
    '',
  ),
  ENMESH_GATEWAY_MAX_CONNECTIONS: variable(
    'Publishing',
    read.integer(1, 1_000_000),
    'Connections to the gateway at a time; further ones are closed at once. Each needs a file descriptor.',
    '10000',
  ),

  ENMESH_KEY_MANAGER: variable(
    'Keys and secrets',
    read.oneOf('filesystem', 'gcp-kms', 'aws-kms', 'azure-key-vault', 'vault'),
    'Who keeps private keys: `filesystem` (under the data directory), `gcp-kms`, `aws-kms`, `azure-key-vault` or `vault`.',
    'filesystem',
  ),
  ENMESH_KEY_MANAGER_TIMEOUT: variable(
    'Keys and secrets',
    read.positiveDuration,
    'Longest single call of the key manager. One that fails is tried again, for three times so long in all.',
    '10s',
  ),
  ENMESH_GCP_KMS_KEY_RING: optional(
    'Keys and secrets',
    read.keyRing,
    'With `gcp-kms`: key ring of the keys that are given by their bare names, `projects/PROJECT/locations/LOCATION/keyRings/RING`.',
  ),
  ENMESH_GCP_KMS_PROTECTION_LEVEL: variable(
    'Keys and secrets',
    read.oneOf('hsm', 'software'),
    'With `gcp-kms`: what protects the keys that are made.',
    'hsm',
  ),
  ENMESH_GCP_KMS_ENDPOINT: optional(
    'Keys and secrets',
    read.httpUrl,
    "With `gcp-kms`: instead of Google's own endpoint, such as a private one; plain http on loopback alone, with ENMESH_UNSAFE_LOOPBACK.",
  ),
  ENMESH_AZURE_KEY_VAULT_URL: optional(
    'Keys and secrets',
    read.httpsOrigin,
    'With `azure-key-vault`: vault (or Managed HSM) of the keys that are given by their bare names, `https://NAME.vault.azure.net`.',
  ),
  ENMESH_AZURE_KEY_VAULT_PROTECTION_LEVEL: variable(
    'Keys and secrets',
    read.oneOf('hsm', 'software'),
    'With `azure-key-vault`: what protects the keys that are made; `hsm` needs a premium vault or a Managed HSM.',
    'software',
  ),
  ENMESH_VAULT_ADDR: {
    ...optional(
      'Keys and secrets',
      read.httpUrl,
      'With `vault`: `https://HOST:PORT`; plain http on loopback alone, where an agent listens.',
    ),
    also: ['VAULT_ADDR'],
  },
  ENMESH_VAULT_NAMESPACE: {
    ...optional('Keys and secrets', read.text, 'With `vault`: namespace of the engine.'),
    also: ['VAULT_NAMESPACE'],
  },
  ENMESH_VAULT_CACERT: {
    ...optional('Keys and secrets', read.text, "With `vault`: PEM file of its roots; the system's when there is none."),
    also: ['VAULT_CACERT'],
  },
  ENMESH_VAULT_TOKEN: {
    ...optional(
      'Keys and secrets',
      read.text,
      'With `vault`: a token, renewed while Vault lets it live. Usually a secret reference.',
    ),
    also: ['VAULT_TOKEN'],
  },
  ENMESH_VAULT_TOKEN_FILE: optional(
    'Keys and secrets',
    read.text,
    'With `vault`: file of a token that an agent keeps fresh, read at each use; comes before ENMESH_VAULT_TOKEN.',
  ),
  ENMESH_VAULT_ROLE: optional(
    'Keys and secrets',
    read.text,
    "With `vault`: role as which to log in with the service account's token; comes before ENMESH_VAULT_TOKEN_FILE.",
  ),
  ENMESH_VAULT_AUTH_MOUNT: variable(
    'Keys and secrets',
    read.mountPath,
    'With ENMESH_VAULT_ROLE: mount path of the Kubernetes or JWT auth method.',
    'kubernetes',
  ),
  ENMESH_VAULT_JWT_FILE: variable(
    'Keys and secrets',
    read.text,
    "With ENMESH_VAULT_ROLE: file of the service account's token.",
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
  ),
  ENMESH_VAULT_TRANSIT_MOUNT: variable(
    'Keys and secrets',
    read.mountPath,
    'With `vault`: mount path of the transit engine.',
    'transit',
  ),
  ENMESH_CREATE_KEYS: variable(
    'Keys and secrets',
    read.bool,
    'Make keys that are missing at start. Several replicas would each make their own.',
    'false',
    'true',
  ),
  ENMESH_REVISION_TOKEN_KEY: optional(
    'Keys and secrets',
    read.text,
    'Key in the key manager that wraps the data keys of revision tokens.',
    'revision-token',
  ),
  ENMESH_REVISION_TOKEN_AAD: optional(
    'Keys and secrets',
    read.base64,
    'Base64: bound into every revision token; the same on every replica, for ever. `enmesh dev` makes one and keeps it in the data directory.',
  ),
  ENMESH_REVISION_TOKEN_MIN_LENGTH: variable(
    'Keys and secrets',
    read.integer(1, 1000),
    'A token lists at least so many entries; the rest is padding.',
    '28',
  ),
  ENMESH_REVISION_KEY_CACHE: variable(
    'Keys and secrets',
    read.positiveDuration,
    'How long data keys of revision tokens are remembered; at most 1h.',
    '1m',
  ),
  ENMESH_REVISION_KEY_PERIOD: variable(
    'Keys and secrets',
    read.positiveDuration,
    'A new data key of revision tokens is made when the newest one is so old.',
    '7d',
  ),
  ENMESH_REVISION_KEY_DELETE_AFTER: variable(
    'Keys and secrets',
    read.positiveDuration,
    'An old data key is destroyed when its successor is so old; at least ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH.',
    '15d',
  ),

  ENMESH_IDENTITY_SOURCE: variable(
    'Federation',
    read.oneOf('own', 'google'),
    'Who makes our tokens: `own` (signed by the key manager; the gateway serves discovery and JWKS) or `google` (metadata server, or service account), which cannot prove us to partners that call.',
    'own',
  ),
  ENMESH_IDENTITY_ISSUER: optional(
    'Federation',
    read.issuer,
    "The issuer that our own tokens name; `enmesh dev` takes the gateway's URL, and `google` means https://accounts.google.com.",
  ),
  ENMESH_IDENTITY_SUBJECT: variable(
    'Federation',
    read.text,
    '`sub` of our own tokens; with `google` the unique id of the service account.',
    'federation',
  ),
  ENMESH_IDENTITY_KEY: variable('Federation', read.text, 'Their key in the key manager.', 'identity'),
  ENMESH_IDENTITY_CREDENTIALS: optional(
    'Federation',
    read.text,
    "With `google`: JSON file of a service account; without it Google's client finds credentials by its own rules (`GOOGLE_APPLICATION_CREDENTIALS`, metadata server).",
  ),
  ENMESH_FEDERATION_INTERVAL: variable(
    'Federation',
    read.positiveDuration,
    'How often partners are pulled from; to be pushed to, they need not wait for it.',
    '5m',
    '5s',
  ),
  ENMESH_FEDERATION_CONCURRENCY: variable(
    'Federation',
    read.integer(1, 64),
    'Partners that one process pulls from and pushes to at a time, each direction for itself.',
    '4',
  ),

  ENMESH_FEDERATION_FETCH_MAX_KEYS: variable(
    'Federation',
    read.integer(1, 10_000),
    'Keys in one answer to `Fetch`, which deployed partners call.',
    '500',
  ),
  ENMESH_FEDERATION_CALLS_PER_MINUTE: variable(
    'Federation',
    read.integer(0, 1_000_000),
    'Calls of one partner that a process answers in a minute; further ones wait, then are refused; 0 = any number.',
    '600',
  ),
  ENMESH_FEDERATION_MAX_KEYS_PER_DAY: variable(
    'Federation',
    read.integer(0, 1_000_000_000),
    'Keys that are taken from one partner on one day (UTC), over all processes; 0 = any number.',
    '5000000',
  ),
  ENMESH_FEDERATION_MAX_QUARANTINE: variable(
    'Federation',
    read.integer(0, 10_000_000),
    'Refused keys of one partner that are kept; further ones are counted only.',
    '100000',
  ),

  ENMESH_FEDERATION_CA: optional(
    'Federation',
    read.text,
    "PEM file: roots for the partners that we call, and beside the system's for their issuers; the system's when not set.",
  ),
  ENMESH_FEDERATION_CLIENT_TLS_CERT: optional(
    'Federation',
    read.text,
    'PEM file: certificate that we show to the partners that we call, where they want one.',
  ),
  ENMESH_FEDERATION_CLIENT_TLS_KEY: optional('Federation', read.text, 'PEM file: its private key.'),
  ENMESH_FEDERATION_ISSUER_TIMEOUT: variable(
    'Federation',
    read.positiveDuration,
    "Longest time to fetch a discovery document or a JWKS of a partner's issuer.",
    '10s',
  ),
  ENMESH_FEDERATION_ALLOW_PRIVATE_ADDRESSES: variable(
    'Federation',
    read.bool,
    "Read partners' issuers from private, loopback and link-local addresses too.",
    'false',
  ),

  ENMESH_RELEASE_SAME_DAY_KEYS: variable(
    'Test installations only',
    read.bool,
    'Publish keys that are still valid.',
    'false',
  ),

  ENMESH_MIRROR_INTERVAL: variable(
    'Mirrors and imports',
    read.positiveDuration,
    'How often mirrors are brought up to date.',
    '5m',
    '15s',
  ),
  ENMESH_MIRROR_MAX_INDEX_BYTES: variable(
    'Mirrors and imports',
    read.integer(1, 64 * 1024 * 1024),
    'Largest index of another authority that is mirrored.',
    '1048576',
  ),
  ENMESH_MIRROR_MAX_FILE_BYTES: variable(
    'Mirrors and imports',
    read.integer(1, 1024 * 1024 * 1024),
    'Largest file of another authority that is mirrored.',
    '20971520',
  ),
  ENMESH_DOWNLOAD_INDEX_TIMEOUT: variable(
    'Mirrors and imports',
    read.positiveDuration,
    "Longest time to fetch another authority's index, from the name look-up to the last byte.",
    '30s',
  ),
  ENMESH_DOWNLOAD_FILE_TIMEOUT: variable(
    'Mirrors and imports',
    read.positiveDuration,
    "Longest time to fetch one of another authority's files.",
    '2m',
  ),
  ENMESH_DOWNLOAD_CA: optional(
    'Mirrors and imports',
    read.text,
    "PEM file: roots for the servers of other authorities' files; the system's when not set.",
  ),
  ENMESH_DOWNLOAD_ALLOW_PRIVATE_ADDRESSES: variable(
    'Mirrors and imports',
    read.bool,
    "Fetch other authorities' files from private, loopback and link-local addresses too.",
    'false',
  ),

  ENMESH_IMPORT_INTERVAL: variable(
    'Mirrors and imports',
    read.positiveDuration,
    'How often the indexes of imports are read.',
    '15m',
    '15s',
  ),
  ENMESH_IMPORT_MAX_INDEX_BYTES: variable(
    'Mirrors and imports',
    read.integer(1, 64 * 1024 * 1024),
    'Largest index of another authority that is imported.',
    '1048576',
  ),
  ENMESH_IMPORT_MAX_FILE_BYTES: variable(
    'Mirrors and imports',
    read.integer(1, 128 * 1024 * 1024),
    'Largest file of another authority that is imported; its `export.bin` may inflate to four times as much.',
    '20971520',
  ),
  ENMESH_IMPORT_MAX_KEYS: variable(
    'Mirrors and imports',
    read.integer(1, 10_000_000),
    'Most keys in one file of another authority that is imported.',
    '2000000',
  ),
  ENMESH_IMPORT_BACKFILL_REPORT_TYPE: variable(
    'Mirrors and imports',
    read.oneOf('none', 'confirmed', 'likely'),
    'Report type of imported keys that have none.',
    'confirmed',
  ),
  ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET: variable(
    'Mirrors and imports',
    read.bool,
    'Imported keys without days since onset get ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET_VALUE.',
    'true',
  ),
  ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET_VALUE: variable(
    'Mirrors and imports',
    read.integer(0, 14),
    'Days since onset of imported keys that have none.',
    '10',
  ),

  ENMESH_UNSAFE_RETENTION: variable('Test installations only', read.bool, 'Allow a retention below 10d.', 'false'),
  ENMESH_UNSAFE_SHORT_WINDOWS: variable(
    'Test installations only',
    read.bool,
    'Allow exports with more than 15 files a day, windows and window age down to 1 s.',
    'false',
    'true',
  ),
  ENMESH_UNSAFE_LOOPBACK: variable(
    'Test installations only',
    read.bool,
    'Allow issuers, JWKS and files of other authorities over plain http, and partners without TLS, on loopback addresses.',
    'false',
    'true',
  ),
} as const;

/** Name of a variable. */
export type VariableName = keyof typeof variables;
