/** Reads an index as it was written last, as phones do. */
import { indexName } from '../../domain/export/file-name.ts';
import type { BlobStore } from '../../storage/blob/blob-store.ts';

/** Where an index is. */
export interface IndexPlace {
  readonly bucket: string;
  readonly filenameRoot: string;
}

/** Its bytes; none before it was written first. Throws AppError of the blob store. */
export async function readIndexText(blobStore: BlobStore, { bucket, filenameRoot }: IndexPlace): Promise<Buffer> {
  const read = await blobStore.read({ bucket, name: indexName(filenameRoot) });
  return read === null ? Buffer.alloc(0) : Buffer.concat((await read.body.toArray()) as Buffer[]);
}

/** The names that it lists. Throws AppError of the blob store. */
export async function readIndexNames(blobStore: BlobStore, place: IndexPlace): Promise<ReadonlySet<string>> {
  const text = (await readIndexText(blobStore, place)).toString('latin1');
  return new Set(text.split('\n').filter((line) => line !== ''));
}
