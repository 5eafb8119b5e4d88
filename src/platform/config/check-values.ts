/** Rules over several variables, or over what a role needs: values that can each be read, but not be used together. */
import { hostAndPort, hostOfTarget, insecureAddress, isLoopback } from './address.ts';
import { keyManagerFault, keyManagerVariables } from './key-manager-fault.ts';
import type { Values } from './load.ts';
import type { VariableName } from './variables.ts';

/** A part of Enmesh that can run alone. */
export type Role = 'server' | 'export' | 'federation' | 'gateway';

interface Rule {
  /** Of at least one of these. */
  readonly roles: readonly Role[];
  readonly reads: readonly VariableName[];
  fault(values: Values, roles: ReadonlySet<Role>): string | false | undefined;
}

const everyRole = ['server', 'export', 'federation', 'gateway'] as const;
const stateful = ['server', 'export', 'federation'] as const;
const withData = ['server', 'export'] as const;
const targets = ['ENMESH_SERVER_TARGET', 'ENMESH_EXPORT_TARGET', 'ENMESH_FEDERATION_TARGET'] as const;
const addresses = ['ENMESH_GRPC_ADDRESS', 'ENMESH_EXPORT_ADDRESS', 'ENMESH_FEDERATION_ADDRESS'] as const;

const azureNames = [
  'ENMESH_AZURE_STORAGE_CONNECTION_STRING',
  'ENMESH_AZURE_STORAGE_ACCOUNT',
  'ENMESH_AZURE_STORAGE_KEY',
  'ENMESH_AZURE_STORAGE_ENDPOINT',
] as const;

/** decisions, Publish 15: a revoked key is refused within 30 s. */
const maxAuthorityCacheSeconds = 30;
/** Reference 5.2. */
const maxRevisionKeyCacheSeconds = 3600;
/** Longer than any publish runs, and than clocks differ. */
const minStatsEmbargoSeconds = 3600;
/** 10 days, as the deployed clean-up insists. */
const minRetentionSeconds = 10 * 86_400;
/** Shorter windows tell when a phone published; files are for tests then. */
const minWindowSeconds = 60;
const daySeconds = 86_400;

/**
 * Every fault, one line each, in the order of the rules. Reads nothing but its arguments.
 * @param roles what is to run
 * @param except variables that nothing is said about: their text could not be read, or the command makes their values
 */
export function faultsOf(
  values: Partial<Values>,
  roles: ReadonlySet<Role>,
  except: ReadonlySet<VariableName> = new Set(),
): string[] {
  return rules
    .filter((rule) => rule.roles.some((role) => roles.has(role)))
    .filter(({ reads }) => !reads.some((name) => except.has(name)))
    .flatMap((rule) => rule.fault(values as Values, roles) || []);
}

function missing(name: VariableName, roles: readonly Role[], meaning: string): Rule {
  return {
    roles,
    reads: [name],
    fault: (values) => values[name] === undefined && `${name} is not set: ${meaning}`,
  };
}

type ListeningPrefix = 'ENMESH_GRPC' | 'ENMESH_EXPORT' | 'ENMESH_FEDERATION';

function listening(role: Role, prefix: ListeningPrefix): Rule {
  const names = [`${prefix}_ADDRESS`, `${prefix}_TLS_CERT`, `${prefix}_TLS_CLIENT_CA`] as const;
  const [address, certificate, clientCa] = names;
  return {
    roles: [role],
    reads: [...names, 'ENMESH_CALLER_TOKENS'],
    fault: (values) => {
      const fault = insecureAddress(values[address].host, {
        hasTls: values[certificate] !== undefined,
        hasClientCa: values[clientCa] !== undefined,
        hasTokens: values.ENMESH_CALLER_TOKENS.size > 0,
        servesPartners: role === 'federation',
      });
      return fault === undefined ? undefined : `${address}: ${fault}`;
    },
  };
}

const rules: readonly Rule[] = [
  missing(
    'ENMESH_DATABASE_URL',
    stateful,
    'every role but the gateway needs PostgreSQL, such as postgresql://USER:PASSWORD@HOST:5432/enmesh (`enmesh dev` brings its own)',
  ),
  {
    roles: withData,
    reads: ['ENMESH_DATA_DIR', 'ENMESH_BLOB_STORE', 'ENMESH_KEY_MANAGER'],
    fault: (values) =>
      values.ENMESH_DATA_DIR === undefined &&
      [values.ENMESH_BLOB_STORE, values.ENMESH_KEY_MANAGER].includes('filesystem') &&
      'ENMESH_DATA_DIR is not set: the filesystem blob store and key manager keep their files there',
  },
  {
    roles: withData,
    reads: ['ENMESH_BLOB_STORE', 'ENMESH_S3_REGION', 'ENMESH_S3_ENDPOINT'],
    fault: (values) =>
      values.ENMESH_BLOB_STORE === 's3' &&
      values.ENMESH_S3_REGION === undefined &&
      values.ENMESH_S3_ENDPOINT === undefined &&
      'ENMESH_S3_REGION is not set: the region of the buckets, such as eu-west-1 (AWS_REGION will do)',
  },
  {
    roles: withData,
    reads: ['ENMESH_BLOB_STORE', ...azureNames],
    fault: (values) => values.ENMESH_BLOB_STORE === 'azure' && azureFault(values),
  },
  { roles: stateful, reads: keyManagerVariables, fault: keyManagerFault },
  {
    roles: ['federation'],
    reads: ['ENMESH_DATA_DIR', 'ENMESH_KEY_MANAGER', 'ENMESH_IDENTITY_SOURCE', 'ENMESH_IDENTITY_ISSUER'],
    fault: (values, roles) =>
      !withData.some((role) => roles.has(role)) &&
      values.ENMESH_DATA_DIR === undefined &&
      values.ENMESH_KEY_MANAGER === 'filesystem' &&
      values.ENMESH_IDENTITY_SOURCE === 'own' &&
      values.ENMESH_IDENTITY_ISSUER !== undefined &&
      "ENMESH_DATA_DIR is not set: the filesystem key manager keeps our issuer's key there",
  },
  missing(
    'ENMESH_REVISION_TOKEN_KEY',
    ['server'],
    'the key in the key manager that wraps the keys of revision tokens, such as revision-token',
  ),
  missing(
    'ENMESH_REVISION_TOKEN_AAD',
    ['server'],
    'random base64, the same on every replica, such as `openssl rand -base64 32` prints',
  ),
  {
    roles: withData,
    reads: ['ENMESH_GCP_KMS_ENDPOINT', 'ENMESH_UNSAFE_LOOPBACK'],
    fault: ({ ENMESH_GCP_KMS_ENDPOINT: endpoint, ENMESH_UNSAFE_LOOPBACK: allowed }) =>
      endpoint?.startsWith('http:') &&
      !(allowed && isLoopback(new URL(endpoint).hostname.replace(/^\[(.*)\]$/, '$1'))) &&
      'ENMESH_GCP_KMS_ENDPOINT wants https: plain http is for loopback addresses in test installations, with ENMESH_UNSAFE_LOOPBACK=true',
  },
  {
    roles: ['server'],
    reads: ['ENMESH_AUTHORITY_CACHE'],
    fault: ({ ENMESH_AUTHORITY_CACHE: seconds }) =>
      seconds > maxAuthorityCacheSeconds &&
      'ENMESH_AUTHORITY_CACHE wants at most 30s: a revoked key must be refused within that time',
  },
  {
    roles: ['server'],
    reads: ['ENMESH_REVISION_KEY_CACHE'],
    fault: ({ ENMESH_REVISION_KEY_CACHE: seconds }) =>
      seconds > maxRevisionKeyCacheSeconds &&
      'ENMESH_REVISION_KEY_CACHE wants at most 1h: a destroyed key must not be used for longer',
  },
  {
    roles: ['server'],
    reads: ['ENMESH_REVISION_KEY_DELETE_AFTER', 'ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH'],
    fault: (values) =>
      values.ENMESH_REVISION_KEY_DELETE_AFTER < values.ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH &&
      'ENMESH_REVISION_KEY_DELETE_AFTER wants at least ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH: a token must outlive the keys that it can revise',
  },
  {
    roles: ['server'],
    reads: ['ENMESH_STATS_EMBARGO_PERIOD'],
    fault: ({ ENMESH_STATS_EMBARGO_PERIOD: seconds }) =>
      seconds < minStatsEmbargoSeconds &&
      'ENMESH_STATS_EMBARGO_PERIOD wants at least 1h: a day is shown when the last of its publishes is counted',
  },
  {
    roles: withData,
    reads: ['ENMESH_RETENTION', 'ENMESH_UNSAFE_RETENTION'],
    fault: (values) =>
      values.ENMESH_RETENTION < minRetentionSeconds &&
      !values.ENMESH_UNSAFE_RETENTION &&
      'ENMESH_RETENTION wants at least 10d: phones match keys of 14 days (ENMESH_UNSAFE_RETENTION=true in tests)',
  },
  ...(['ENMESH_TRUNCATE_WINDOW', 'ENMESH_EXPORT_MIN_WINDOW_AGE'] as const).map((name) => ({
    roles: withData,
    reads: [name, 'ENMESH_UNSAFE_SHORT_WINDOWS'] as const,
    fault: (values: Values) =>
      values[name] < minWindowSeconds &&
      !values.ENMESH_UNSAFE_SHORT_WINDOWS &&
      `${name} wants at least 1m: shorter windows tell when a phone published (ENMESH_UNSAFE_SHORT_WINDOWS=true in tests)`,
  })),
  {
    roles: withData,
    reads: ['ENMESH_TRUNCATE_WINDOW', 'ENMESH_UNSAFE_SHORT_WINDOWS'],
    fault: ({ ENMESH_TRUNCATE_WINDOW: seconds, ENMESH_UNSAFE_SHORT_WINDOWS: areTests }) =>
      daySeconds % seconds !== 0 &&
      !areTests &&
      'ENMESH_TRUNCATE_WINDOW wants to divide a day, as 15m, 1h and 2h do: windows of exports are multiples of it that divide a day (ENMESH_UNSAFE_SHORT_WINDOWS=true in tests)',
  },
  {
    roles: ['export'],
    reads: ['ENMESH_DATABASE_POOL_SIZE', 'ENMESH_EXPORT_CONCURRENCY'],
    fault: ({ ENMESH_DATABASE_POOL_SIZE: size, ENMESH_EXPORT_CONCURRENCY: concurrency }) =>
      size < 2 * concurrency + 2 &&
      `ENMESH_DATABASE_POOL_SIZE wants at least ${String(2 * concurrency + 2)}, two connections a batch and two more, while ENMESH_EXPORT_CONCURRENCY is ${String(concurrency)}`,
  },
  {
    roles: everyRole,
    reads: ['ENMESH_STOP_DRAIN', 'ENMESH_STOP_TIMEOUT'],
    fault: (values) =>
      2 * values.ENMESH_STOP_DRAIN > values.ENMESH_STOP_TIMEOUT &&
      'ENMESH_STOP_DRAIN wants at most half of ENMESH_STOP_TIMEOUT, which it is part of',
  },
  {
    roles: ['federation'],
    reads: ['ENMESH_IDENTITY_ISSUER', 'ENMESH_UNSAFE_LOOPBACK'],
    fault: ({ ENMESH_IDENTITY_ISSUER: issuer, ENMESH_UNSAFE_LOOPBACK: allowed }) =>
      issuer?.startsWith('http:') &&
      !(allowed && isLoopback(new URL(issuer).hostname.replace(/^\[(.*)\]$/, '$1'))) &&
      'ENMESH_IDENTITY_ISSUER wants https: plain http is for loopback addresses in test installations, with ENMESH_UNSAFE_LOOPBACK=true',
  },
  listening('server', 'ENMESH_GRPC'),
  listening('export', 'ENMESH_EXPORT'),
  listening('federation', 'ENMESH_FEDERATION'),
  {
    roles: ['gateway'],
    reads: ['ENMESH_CLIENT_TOKEN', 'ENMESH_CLIENT_TLS_CA', ...targets, ...addresses],
    fault: (values) =>
      values.ENMESH_CLIENT_TOKEN !== undefined &&
      values.ENMESH_CLIENT_TLS_CA === undefined &&
      !calledHosts(values).every(isLoopback) &&
      'ENMESH_CLIENT_TOKEN needs ENMESH_CLIENT_TLS_CA: a token never crosses the network in plain text',
  },
  {
    roles: ['gateway'],
    reads: ['ENMESH_CALLER_TOKENS', 'ENMESH_CLIENT_TOKEN', 'ENMESH_CLIENT_TLS_CERT'],
    fault: (values, roles) =>
      withData.some((role) => roles.has(role)) &&
      values.ENMESH_CALLER_TOKENS.size > 0 &&
      values.ENMESH_CLIENT_TOKEN === undefined &&
      values.ENMESH_CLIENT_TLS_CERT === undefined &&
      'ENMESH_CALLER_TOKENS is set, so the gateway in this process needs ENMESH_CLIENT_TOKEN, a token with the role gateway',
  },
];

/** What is wrong with the place of Azure's blobs. */
function azureFault(values: Values): string | false {
  const [connectionString, account, key, endpoint] = azureNames.map((name) => values[name]);
  if (connectionString !== undefined) {
    const isUsable = /(^|;)AccountName=.+;AccountKey=|(^|;)BlobEndpoint=|^UseDevelopmentStorage=true/i.test(
      connectionString,
    );
    return !isUsable && 'ENMESH_AZURE_STORAGE_CONNECTION_STRING is not a connection string of a storage account';
  }
  if (account !== undefined) return false;
  if (endpoint === undefined) {
    return 'ENMESH_AZURE_STORAGE_ACCOUNT is not set: the storage account (AZURE_STORAGE_ACCOUNT will do)';
  }
  return key !== undefined && 'ENMESH_AZURE_STORAGE_KEY needs ENMESH_AZURE_STORAGE_ACCOUNT, whose key it is';
}

/** Hosts that a gateway calls. */
function calledHosts(values: Values): string[] {
  return targets.map((target, index) => hostOfTarget(values[target] ?? hostAndPort(values[addresses[index]!])));
}
