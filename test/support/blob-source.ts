/** Content for a blob store that comes in pieces. */
import { Readable } from 'node:stream';
import type { BlobSource } from '../../src/storage/blob/blob-store.ts';

/** A source of these pieces. */
export function sourceOf(...pieces: readonly Uint8Array[]): BlobSource {
  return {
    size: pieces.reduce((sum, piece) => sum + piece.length, 0),
    open: () => Readable.from(pieces, { objectMode: false }),
  };
}
