/** Values of the environment → which blob store, and where. */
import { join } from 'node:path';
import type { Values } from '../../platform/config/load.ts';

/** Amazon S3 or a store that speaks its protocol. */
export interface S3Settings {
  readonly region: string;
  /** Instead of Amazon's own. */
  readonly endpoint?: string;
  /** The bucket stands in the path. */
  readonly pathStyle: boolean;
}

/** Google Cloud Storage. */
export interface GcsSettings {
  /** Instead of Google's own; credentials go there over https only. */
  readonly endpoint?: string;
  /** Where missing buckets are made. */
  readonly projectId?: string;
}

/** An account of Azure Storage. */
export type AzureStorageSettings =
  | { readonly connectionString: string }
  | {
      /** Of the blob service. */
      readonly url: string;
      readonly account?: string;
      /** Without it the client finds credentials by its own rules. */
      readonly key?: string;
    };

/** A provider, and where. */
export type RemoteSettings =
  | ({ readonly kind: 's3' } & S3Settings)
  | ({ readonly kind: 'gcs' } & GcsSettings)
  | ({ readonly kind: 'azure' } & AzureStorageSettings);

/** Which store, and where. */
export type BlobStoreSettings =
  | {
      readonly kind: 'filesystem';
      /** Folder of the buckets; made if missing. */
      readonly dir: string;
    }
  | (RemoteSettings & { readonly createBuckets: boolean });

/** Filesystem blobs lie in `blobs` under the data directory, `.enmesh` where none is set. */
export function blobStoreSettings(values: Values): BlobStoreSettings {
  const createBuckets = values.ENMESH_CREATE_BUCKETS;
  const kind = values.ENMESH_BLOB_STORE;
  switch (kind) {
    case 'filesystem':
      return { kind, dir: join(values.ENMESH_DATA_DIR ?? '.enmesh', 'blobs') };
    case 's3':
      return { kind, createBuckets, ...s3Settings(values) };
    case 'gcs':
      return { kind, createBuckets, ...gcsSettings(values) };
    case 'azure':
      return { kind, createBuckets, ...azureSettings(values) };
  }
}

function s3Settings(values: Values): S3Settings {
  const { ENMESH_S3_ENDPOINT: endpoint, ENMESH_S3_REGION: region, ENMESH_S3_PATH_STYLE: pathStyle } = values;
  return {
    region: region ?? 'us-east-1',
    pathStyle: pathStyle ?? endpoint !== undefined,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

function gcsSettings({ ENMESH_GCS_ENDPOINT: endpoint, ENMESH_GCS_PROJECT: projectId }: Values): GcsSettings {
  return { ...(endpoint === undefined ? {} : { endpoint }), ...(projectId === undefined ? {} : { projectId }) };
}

function azureSettings(values: Values): AzureStorageSettings {
  const { ENMESH_AZURE_STORAGE_CONNECTION_STRING: connectionString } = values;
  if (connectionString !== undefined) return { connectionString };
  const { ENMESH_AZURE_STORAGE_ACCOUNT: account, ENMESH_AZURE_STORAGE_KEY: key } = values;
  return {
    url: values.ENMESH_AZURE_STORAGE_ENDPOINT ?? `https://${account ?? ''}.blob.core.windows.net`,
    ...(account === undefined ? {} : { account }),
    ...(key === undefined ? {} : { key }),
  };
}
