/** A blob store as the environment describes it, opened as the product does. */
import { readValues } from '../../src/platform/config/load.ts';
import type { BlobStore } from '../../src/storage/blob/blob-store.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import type { RemoteTerms } from '../../src/storage/blob/remote.ts';
import { blobStoreSettings } from '../../src/storage/blob/settings.ts';

/** Credentials are read by the clients from the process's own environment, everything else from `environment`. */
export async function openStoreOf(
  environment: Readonly<Record<string, string>>,
  patience: Omit<RemoteTerms, 'createBuckets'> = {},
): Promise<BlobStore> {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
    if (environment[name] !== undefined) process.env[name] = environment[name];
  }
  const values = await readValues({ ENMESH_CREATE_BUCKETS: 'true', ...environment }, false);
  return await openBlobStore(blobStoreSettings(values), patience);
}
