/** Variables of the key manager and its keys. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const keysAndSecrets = {
  ENMESH_KEY_MANAGER: variable(
    read.oneOf('filesystem', 'gcp-kms', 'aws-kms', 'azure-key-vault', 'vault'),
    'Who keeps private keys: `filesystem` (under the data directory), `gcp-kms`, `aws-kms`, `azure-key-vault` or `vault`.',
    'filesystem',
  ),
  ENMESH_KEY_MANAGER_TIMEOUT: variable(
    read.positiveDuration,
    'Longest single call of the key manager. One that fails is tried again, for three times so long in all.',
    '10s',
  ),
  ENMESH_GCP_KMS_KEY_RING: optional(
    read.keyRing,
    'With `gcp-kms`: key ring of the keys that are given by their bare names, `projects/PROJECT/locations/LOCATION/keyRings/RING`.',
  ),
  ENMESH_GCP_KMS_PROTECTION_LEVEL: variable(
    read.oneOf('hsm', 'software'),
    'With `gcp-kms`: what protects the keys that are made.',
    'hsm',
  ),
  ENMESH_GCP_KMS_ENDPOINT: optional(
    read.httpUrl,
    "With `gcp-kms`: instead of Google's own endpoint, such as a private one; plain http on loopback alone, with ENMESH_UNSAFE_LOOPBACK.",
  ),
  ENMESH_AZURE_KEY_VAULT_URL: optional(
    read.httpsOrigin,
    'With `azure-key-vault`: vault (or Managed HSM) of the keys that are given by their bare names, `https://NAME.vault.azure.net`.',
  ),
  ENMESH_AZURE_KEY_VAULT_PROTECTION_LEVEL: variable(
    read.oneOf('hsm', 'software'),
    'With `azure-key-vault`: what protects the keys that are made; `hsm` needs a premium vault or a Managed HSM.',
    'software',
  ),
  ENMESH_VAULT_ADDR: {
    ...optional(
      read.httpUrl,
      'With `vault`: `https://HOST:PORT`; plain http on loopback alone, where an agent listens.',
    ),
    also: ['VAULT_ADDR'],
  },
  ENMESH_VAULT_NAMESPACE: {
    ...optional(read.text, 'With `vault`: namespace of the engine.'),
    also: ['VAULT_NAMESPACE'],
  },
  ENMESH_VAULT_CACERT: {
    ...optional(read.text, "With `vault`: PEM file of its roots; the system's when there is none."),
    also: ['VAULT_CACERT'],
  },
  ENMESH_VAULT_TOKEN: {
    ...optional(read.text, 'With `vault`: a token, renewed while Vault lets it live. Usually a secret reference.'),
    also: ['VAULT_TOKEN'],
  },
  ENMESH_VAULT_TOKEN_FILE: optional(
    read.text,
    'With `vault`: file of a token that an agent keeps fresh, read at each use; comes before ENMESH_VAULT_TOKEN.',
  ),
  ENMESH_VAULT_ROLE: optional(
    read.text,
    "With `vault`: role as which to log in with the service account's token; comes before ENMESH_VAULT_TOKEN_FILE.",
  ),
  ENMESH_VAULT_AUTH_MOUNT: variable(
    read.mountPath,
    'With ENMESH_VAULT_ROLE: mount path of the Kubernetes or JWT auth method.',
    'kubernetes',
  ),
  ENMESH_VAULT_JWT_FILE: variable(
    read.text,
    "With ENMESH_VAULT_ROLE: file of the service account's token.",
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
  ),
  ENMESH_VAULT_TRANSIT_MOUNT: variable(read.mountPath, 'With `vault`: mount path of the transit engine.', 'transit'),
  ENMESH_CREATE_KEYS: variable(
    read.bool,
    'Make keys that are missing at start. Several replicas would each make their own.',
    'false',
    'true',
  ),
  ENMESH_REVISION_TOKEN_KEY: optional(
    read.text,
    'Key in the key manager that wraps the data keys of revision tokens.',
    'revision-token',
  ),
  ENMESH_REVISION_TOKEN_AAD: optional(
    read.base64,
    'Base64: bound into every revision token; the same on every replica, for ever. `enmesh dev` makes one and keeps it in the data directory.',
  ),
  ENMESH_REVISION_TOKEN_MIN_LENGTH: variable(
    read.integer(1, 1000),
    'A token lists at least so many entries; the rest is padding.',
    '28',
  ),
  ENMESH_REVISION_KEY_CACHE: variable(
    read.positiveDuration,
    'How long data keys of revision tokens are remembered; at most 1h.',
    '1m',
  ),
  ENMESH_REVISION_KEY_PERIOD: variable(
    read.positiveDuration,
    'A new data key of revision tokens is made when the newest one is so old.',
    '7d',
  ),
  ENMESH_REVISION_KEY_DELETE_AFTER: variable(
    read.positiveDuration,
    'An old data key is destroyed when its successor is so old; at least ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH.',
    '15d',
  ),
} as const;
