/** Published files in memory: they never change, and every phone asks for the same few. */
import { LRUCache } from 'lru-cache';

/** A whole file. `etag` is quoted. */
export interface CachedFile {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** A file that is taken away or held is gone everywhere within 30 s (decisions, Operations). */
const ttlMs = 30_000;
/** One file takes at most this part of the memory. */
const largestShare = 4;

/** Bounded by bytes, also while files are still arriving. */
export class FileCache {
  readonly #maxBytes: number;
  readonly #files: LRUCache<string, CachedFile>;
  readonly #arriving = new Map<string, number>();

  /** @param maxBytes of whole files; files that are arriving take at most as much again */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#files = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes.length || 1, ttl: ttlMs });
  }

  get(name: string): CachedFile | undefined {
    return this.#files.get(name);
  }

  /** Passes `chunks` on and keeps them when they were all of it; only one of several readers of a file does so. */
  async *keep(
    name: string,
    file: { readonly size: number; readonly etag: string },
    chunks: AsyncIterable<Buffer>,
  ): AsyncGenerator<Buffer> {
    if (!this.#hasRoomFor(name, file.size)) {
      yield* chunks;
      return;
    }
    this.#arriving.set(name, file.size);
    try {
      const bytes = Buffer.allocUnsafeSlow(file.size);
      let filled = 0;
      for await (const chunk of chunks) {
        filled += chunk.copy(bytes, filled);
        yield chunk;
      }
      if (filled === file.size) this.#files.set(name, { bytes, etag: file.etag });
    } finally {
      this.#arriving.delete(name);
    }
  }

  #hasRoomFor(name: string, size: number): boolean {
    const arriving = [...this.#arriving.values()].reduce((sum, bytes) => sum + bytes, 0);
    return !this.#arriving.has(name) && size <= this.#maxBytes / largestShare && arriving + size <= this.#maxBytes;
  }
}
