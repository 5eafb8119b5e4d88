/** Where copies of withdrawals lie in their bucket, and how they are written and read. */
import type { Readable } from 'node:stream';
import type { BlobStore } from '../../storage/blob/blob-store.ts';

/** No export's or mirror's root begins with a dot, so nobody publishes there and the gateway has no such path. */
const folder = '.withdrawals';
const secretName = 'secret';
const copyPattern = /^\.withdrawals\/([0-9a-f]{32})\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
/** A copy of 50,000 hashes and 1,000 withdrawals is a fourth of it. */
const mostBytes = 8 * 1024 * 1024;

/** Where a copy is. */
export interface CopyPlace {
  /** Of the keys that it is sealed with. */
  readonly keysId: string;
  readonly id: string;
  readonly name: string;
}

/** Place of a copy. */
export function copyPlace(keysId: string, id: string): CopyPlace {
  return { keysId, id, name: `${folder}/${keysId}/${id}` };
}

/** Name of the object that has the secret, wrapped by the key manager. */
export function secretPlace(keysId: string): string {
  return `${folder}/${keysId}/${secretName}`;
}

/** All copies that there are, by their names alone. @throws AppError unavailable */
export async function listCopies(blobStore: BlobStore, bucket: string): Promise<readonly CopyPlace[]> {
  const places: CopyPlace[] = [];
  for await (const name of blobStore.list(bucket, `${folder}/`)) {
    const [, keysId, id] = copyPattern.exec(name) ?? [];
    if (keysId !== undefined && id !== undefined) places.push({ keysId, id, name });
  }
  return places;
}

/** Null when there is none, or something larger than any of ours. @throws AppError unavailable */
export async function readObject(blobStore: BlobStore, bucket: string, name: string): Promise<Buffer | null> {
  const found = await blobStore.read({ bucket, name });
  if (found === null) return null;
  if (found.info.size > mostBytes) {
    found.body.destroy();
    return null;
  }
  return await contentOf(found.body);
}

async function contentOf(body: Readable): Promise<Buffer> {
  return Buffer.concat((await body.toArray()) as Buffer[]);
}

/** Replaces what is there: a copy is the same whoever writes it. @throws AppError unavailable */
export async function writeObject(
  blobStore: BlobStore,
  { bucket, name }: { readonly bucket: string; readonly name: string },
  content: Uint8Array,
): Promise<void> {
  const options = { contentType: 'application/octet-stream', cacheControl: 'private, no-store', onlyIfAbsent: false };
  await blobStore.put({ bucket, name }, content, options);
}
