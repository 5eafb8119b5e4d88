/** Opens the blob store that the configuration names. */
import type { BlobStore } from './blob-store.ts';
import { openFilesystemBlobStore } from './filesystem.ts';

/** Which store, and where. */
export interface BlobStoreSettings {
  readonly kind: 'filesystem';
  /** Folder of the buckets; made if missing. */
  readonly dir: string;
}

/** Opens the store. Throws AppError `unavailable`/`blob_store_unavailable` when it can't be used. */
export async function openBlobStore(settings: BlobStoreSettings): Promise<BlobStore> {
  return await openFilesystemBlobStore(settings.dir);
}
