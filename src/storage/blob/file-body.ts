/** A file, or a part of it, as a stream whose faults are the blob store's. */
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { blobStoreError } from './blob-error.ts';

const chunkBytes = 256 * 1024;

/**
 * Reads the bytes from `start` to before `end` and closes the file, also when the stream is destroyed unread.
 * A file that is cut short meanwhile destroys the stream.
 */
export function fileBody(file: FileHandle, start: number, end: number): Readable {
  let at = start;
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      readChunk(file, at, Math.min(chunkBytes, end - at)).then(
        (chunk) => {
          at += chunk.length;
          this.push(chunk.length > 0 ? chunk : null);
        },
        (error: unknown) => this.destroy(blobStoreError(error)),
      );
    },
    destroy(error, done) {
      file.close().then(
        () => {
          done(error);
        },
        (closeError: unknown) => {
          done(error ?? blobStoreError(closeError));
        },
      );
    },
  });
}

async function readChunk(file: FileHandle, at: number, length: number): Promise<Buffer> {
  if (length <= 0) return Buffer.alloc(0);
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
  if (bytesRead === 0) throw new Error('the file became shorter while it was read');
  return buffer.subarray(0, bytesRead);
}
