/** Values of the environment → which key manager, and where. */
import { join } from 'node:path';
import { keyManagerFault } from '../config/key-manager-fault.ts';
import { ConfigurationError, type Values } from '../config/load.ts';
import type { VaultCredentials } from './vault-token.ts';

/** Keys in files. */
export interface FilesystemKeysSettings {
  /** Folder of the keys; made when the first key is. */
  readonly dir: string;
}

/** Keys in Google Cloud KMS. Credentials are the client's own business (`GOOGLE_APPLICATION_CREDENTIALS`, metadata server). */
export interface GcpKmsSettings {
  /** `projects/P/locations/L/keyRings/R` of keys that are given by their bare names. */
  readonly keyRing?: string;
  /** Of keys that are made. */
  readonly protectionLevel: 'hsm' | 'software';
  /** Instead of Google's own; plain http on loopback in test installations. */
  readonly endpoint?: string;
}

/** Keys in Azure Key Vault. Credentials are the client's own business (`AZURE_CLIENT_ID`, managed identity). */
export interface AzureKeyVaultSettings {
  /** Of keys that are given by their bare names: `https://NAME.vault.azure.net`. */
  readonly vaultUrl: string;
  /** Of keys that are made. */
  readonly protectionLevel: 'hsm' | 'software';
}

/** Keys in Vault's transit engine. */
export interface VaultSettings {
  /** `https://HOST:PORT`, perhaps with a path. */
  readonly address: string;
  readonly namespace?: string;
  /** PEM file, or PEM text; the system's roots when not given. */
  readonly roots?: string;
  readonly transitMount: string;
  readonly credentials: VaultCredentials;
}

/** Which key manager, and where. Region, endpoint and credentials of AWS are its client's own business. */
export type KeyManagerPlace =
  | ({ readonly kind: 'filesystem' } & FilesystemKeysSettings)
  | { readonly kind: 'aws-kms' }
  | ({ readonly kind: 'gcp-kms' } & GcpKmsSettings)
  | ({ readonly kind: 'azure-key-vault' } & AzureKeyVaultSettings)
  | ({ readonly kind: 'vault' } & VaultSettings);

/** Which key manager, and how long to try. */
export type KeyManagerSettings = KeyManagerPlace & {
  /** Longest single call; 10 s when not given. */
  readonly callTimeoutMs?: number;
};

/**
 * Filesystem keys lie in `keys` under the data directory, `.enmesh` where none is set.
 * @throws ConfigurationError when the environment leaves out what the key manager needs
 */
export function keyManagerSettings(values: Values): KeyManagerSettings {
  return { ...placeOf(values), callTimeoutMs: values.ENMESH_KEY_MANAGER_TIMEOUT * 1000 };
}

function placeOf(values: Values): KeyManagerPlace {
  const fault = keyManagerFault(values);
  if (fault !== undefined) throw new ConfigurationError([fault]);
  const kind = values.ENMESH_KEY_MANAGER;
  switch (kind) {
    case 'filesystem':
      return { kind, dir: join(values.ENMESH_DATA_DIR ?? '.enmesh', 'keys') };
    case 'gcp-kms':
      return { kind, ...gcpSettings(values) };
    case 'aws-kms':
      return { kind };
    case 'azure-key-vault':
      return { kind, ...azureSettings(values) };
    case 'vault':
      return { kind, ...vaultSettings(values) };
  }
}

function gcpSettings(values: Values): GcpKmsSettings {
  const { ENMESH_GCP_KMS_KEY_RING: keyRing, ENMESH_GCP_KMS_ENDPOINT: endpoint } = values;
  return {
    protectionLevel: values.ENMESH_GCP_KMS_PROTECTION_LEVEL,
    ...(keyRing === undefined ? {} : { keyRing }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

function azureSettings(values: Values): AzureKeyVaultSettings {
  const protectionLevel = values.ENMESH_AZURE_KEY_VAULT_PROTECTION_LEVEL;
  return { vaultUrl: values.ENMESH_AZURE_KEY_VAULT_URL!, protectionLevel };
}

function vaultSettings(values: Values): VaultSettings {
  const { ENMESH_VAULT_ADDR: address, ENMESH_VAULT_NAMESPACE: namespace, ENMESH_VAULT_CACERT: roots } = values;
  return {
    address: address!,
    transitMount: values.ENMESH_VAULT_TRANSIT_MOUNT,
    credentials: vaultCredentials(values),
    ...(namespace === undefined ? {} : { namespace }),
    ...(roots === undefined ? {} : { roots }),
  };
}

/** The most particular one: a role needs no secret of ours, a file is kept fresh by others. */
function vaultCredentials(values: Values): VaultCredentials {
  const { ENMESH_VAULT_ROLE: role, ENMESH_VAULT_TOKEN_FILE: path, ENMESH_VAULT_TOKEN: token } = values;
  if (role !== undefined) {
    return { kind: 'login', role, mount: values.ENMESH_VAULT_AUTH_MOUNT, jwtPath: values.ENMESH_VAULT_JWT_FILE };
  }
  if (path !== undefined) return { kind: 'file', path };
  return token === undefined ? { kind: 'agent' } : { kind: 'token', token };
}
