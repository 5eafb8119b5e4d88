/** A file of this machine as a blob's content. */
import { createReadStream } from 'node:fs';
import type { BlobSource } from './blob-store.ts';

/** @param size bytes that it is known to have */
export function fileSource(path: string, size: number): BlobSource {
  return { path, size, open: () => createReadStream(path) };
}
