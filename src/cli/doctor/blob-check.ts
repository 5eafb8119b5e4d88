/** The blob store: a probe is written, read, listed and deleted in every bucket that exports and copies of withdrawals use. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { AppError } from '../../domain/errors.ts';
import type { BlobStore } from '../../storage/blob/blob-store.ts';
import { openBlobStore } from '../../storage/blob/open.ts';
import { blobStoreSettings, type BlobStoreSettings } from '../../storage/blob/settings.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, failed, ok, skipped, type Finding } from './finding.ts';

const check = 'blob store';
const missingCure = 'correct ENMESH_DATA_DIR, or start the roles, which make it';
const cures: Readonly<Record<BlobStoreSettings['kind'], string>> = {
  filesystem: 'make it writable for this user, or correct ENMESH_BLOB_STORE and ENMESH_DATA_DIR',
  gcs: 'correct ENMESH_GCS_ENDPOINT or the way there, and look at the permissions in docs/operations.md',
  s3: 'correct ENMESH_S3_REGION, ENMESH_S3_ENDPOINT or the way there, and look at the permissions in docs/operations.md',
  azure: 'correct ENMESH_AZURE_STORAGE_… or the way there, and look at the permissions in docs/operations.md',
};
const bucketCures: Readonly<Record<string, string>> = {
  blob_bucket_missing:
    'create it, or set ENMESH_CREATE_BUCKETS=true, or correct `bucket` of the export or ENMESH_WITHDRAWALS_BUCKET',
  blob_name_invalid: 'correct `bucket` of the export or ENMESH_WITHDRAWALS_BUCKET',
  blob_store_denied: 'give this process credentials with the permissions in docs/operations.md',
};
/** Somebody waits for the report. */
const patience = { tries: 2, silenceMs: 5_000 };

/** One finding a bucket. */
export async function checkBlobStore(
  { values }: Installation,
  buckets: readonly string[],
): Promise<readonly Finding[]> {
  const settings = blobStoreSettings(values);
  const { kind } = settings;
  return await attempt(check, cures[kind], async () => {
    // Opening the store would make the folder, and a doctor in a wrong place must not.
    const dataDir = values.ENMESH_DATA_DIR ?? '.enmesh';
    if (kind === 'filesystem' && !(await isFolder(dataDir))) {
      return failed(check, `there is no data directory ${dataDir}`, missingCure);
    }
    const createsBuckets = settings.kind !== 'filesystem' && settings.createBuckets;
    const harmless = settings.kind === 'filesystem' ? settings : { ...settings, createBuckets: false };
    const store = await openBlobStore(harmless, patience);
    const probes = buckets.map((bucket) =>
      attempt(check, cures[kind], () => probe(store, { bucket, kind, createsBuckets })),
    );
    return (await Promise.all(probes)).flat();
  });
}

/** Says so where nothing outlives a restore of the database; the filesystem store has a bucket without being told. */
export function checkWithdrawalCopies({ values }: Installation): readonly Finding[] {
  if (values.ENMESH_WITHDRAWALS_BUCKET !== undefined || values.ENMESH_BLOB_STORE === 'filesystem') return [];
  const message =
    'are not copied, so a restore of the database would undo them: set ENMESH_WITHDRAWALS_BUCKET to a bucket that is not public';
  return [skipped('withdrawals', message)];
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

interface Bucket {
  readonly bucket: string;
  readonly kind: BlobStoreSettings['kind'];
  /** What is missing is made when an export is first published. */
  readonly createsBuckets: boolean;
}

async function probe(store: BlobStore, { bucket, kind, createsBuckets }: Bucket): Promise<Finding> {
  const place = `bucket ${bucket} (${kind})`;
  try {
    if (await givesBack(store, bucket)) return ok(check, `${place} takes and gives back`);
    return failed(check, `${place} does not give back what it took`, cures[kind]);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (createsBuckets && error.code === 'blob_bucket_missing') {
      return ok(check, `${place} is missing, and made when something is first written to it`);
    }
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    return failed(check, `${place}: ${error.message}${cause}`, bucketCures[error.code] ?? cures[kind]);
  }
}

async function givesBack(store: BlobStore, bucket: string): Promise<boolean> {
  const blob = { bucket, name: `enmesh-doctor-${randomUUID()}.txt` };
  const content = Buffer.from(blob.name);
  await store.put(blob, content, { contentType: 'text/plain', cacheControl: 'no-store', onlyIfAbsent: true });
  try {
    const found = await store.read(blob);
    const listed = await Array.fromAsync(store.list(bucket, blob.name));
    return found !== null && content.equals(await buffer(found.body)) && listed.includes(blob.name);
  } finally {
    await store.delete(blob);
  }
}
