/** Opens the blob store that the settings name; only its client is loaded. */
import type { BlobStore } from './blob-store.ts';
import { openFilesystemBlobStore } from './filesystem.ts';
import type { BlobProvider } from './provider.ts';
import { RemoteBlobStore, type RemoteTerms } from './remote.ts';
import type { BlobStoreSettings, RemoteSettings } from './settings.ts';

/**
 * Opens the store. A provider is not asked before the first use.
 * @param patience shorter limits, for tests
 * @throws AppError `unavailable`/`blob_store_unavailable` when the folder of a filesystem store can't be used
 */
export async function openBlobStore(
  settings: BlobStoreSettings,
  patience: Omit<RemoteTerms, 'createBuckets'> = {},
): Promise<BlobStore> {
  if (settings.kind === 'filesystem') return await openFilesystemBlobStore(settings.dir);
  return new RemoteBlobStore(await openProvider(settings), { ...patience, createBuckets: settings.createBuckets });
}

async function openProvider(settings: RemoteSettings): Promise<BlobProvider> {
  switch (settings.kind) {
    case 's3':
      return (await import('./s3.ts')).openS3(settings);
    case 'gcs':
      return (await import('./gcs.ts')).openGcs(settings);
    case 'azure':
      return await (await import('./azure.ts')).openAzureStorage(settings);
  }
}
