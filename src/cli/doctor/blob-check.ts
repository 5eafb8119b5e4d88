/** The blob store: a probe is written, read and deleted in every bucket that exports use. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { BlobStore } from '../../storage/blob/blob-store.ts';
import { openBlobStore } from '../../storage/blob/open.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, failed, ok, type Finding } from './finding.ts';

const cure = 'make it writable for this user, or correct ENMESH_BLOB_STORE and ENMESH_DATA_DIR';
const missingCure = 'correct ENMESH_DATA_DIR, or start the roles, which make it';

/** One finding a bucket. */
export async function checkBlobStore(
  { values }: Installation,
  buckets: readonly string[],
): Promise<readonly Finding[]> {
  const dataDir = values.ENMESH_DATA_DIR ?? '.enmesh';
  return await attempt('blob store', cure, async () => {
    // Opening the store would make the folder, and a doctor in a wrong place must not.
    if (!(await isFolder(dataDir))) return failed('blob store', `there is no data directory ${dataDir}`, missingCure);
    const store = await openBlobStore({ kind: values.ENMESH_BLOB_STORE, dir: join(dataDir, 'blobs') });
    const findings: Finding[] = [];
    for (const bucket of buckets) {
      findings.push(...(await attempt('blob store', cure, () => probe(store, bucket, values.ENMESH_BLOB_STORE))));
    }
    return findings;
  });
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function probe(store: BlobStore, bucket: string, kind: string): Promise<Finding> {
  const blob = { bucket, name: `enmesh-doctor-${randomUUID()}.txt` };
  const content = Buffer.from(blob.name);
  await store.put(blob, content, { contentType: 'text/plain', cacheControl: 'no-store', onlyIfAbsent: true });
  try {
    const found = await store.read(blob);
    if (found !== null && content.equals(await buffer(found.body))) {
      return ok('blob store', `bucket ${bucket} (${kind}) takes and gives back`);
    }
    return failed('blob store', `bucket ${bucket} (${kind}) does not give back what it took`, cure);
  } finally {
    await store.delete(blob);
  }
}
