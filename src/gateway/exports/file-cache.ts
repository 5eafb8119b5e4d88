/** Published files in memory: they never change, and every phone asks for the same few. */
import { LRUCache } from 'lru-cache';

/** What a file is like. */
export interface FileDescription {
  /** Bytes. */
  readonly size: number;
  /** Quoted. */
  readonly etag: string;
}

/** A file that the export role has, or had a moment ago. */
export interface KnownFile extends FileDescription {
  /** Whole; undefined when it is not kept. */
  readonly bytes: Buffer | undefined;
  /** When the export role was asked last, by the cache's clock. */
  checkedAt: number;
}

/** How a cache is bounded. */
export interface FileCacheOptions {
  /** Of files that are kept; files that are arriving, or still read although forgotten, take at most as much again. */
  readonly maxBytes: number;
  /** How long what the export role said holds: a file that is taken away or held is gone after it. */
  readonly freshMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/** One file takes at most this part of the memory. */
const largestShare = 4;
/** What a file takes besides its bytes: its name and its place. */
const entryBytes = 1_024;

/** Bounded by bytes, whatever arrives, is kept, or is still read by somebody slow. */
export class FileCache {
  readonly #options: FileCacheOptions;
  readonly #files: LRUCache<string, KnownFile>;
  readonly #kept = new WeakSet<KnownFile>();
  readonly #readers = new Map<KnownFile, number>();
  /** Of files that are arriving, and of those that are still read although forgotten. */
  #otherBytes = 0;

  constructor(options: FileCacheOptions) {
    this.#options = options;
    this.#files = new LRUCache({
      maxSize: options.maxBytes,
      sizeCalculation: ({ bytes }) => entryBytes + (bytes?.length ?? 0),
      dispose: (file) => {
        this.#kept.delete(file);
        if (this.#readers.has(file)) this.#otherBytes += file.bytes?.length ?? 0;
      },
    });
  }

  now(): number {
    return this.#options.now?.() ?? performance.now();
  }

  /** Whatever is known of the file, however long ago it was checked. */
  get(name: string): KnownFile | undefined {
    return this.#files.get(name);
  }

  isFresh({ checkedAt }: KnownFile): boolean {
    return this.now() - checkedAt < this.#options.freshMs;
  }

  /** Whether a file is small enough to be kept. */
  mayKeep({ size }: FileDescription): boolean {
    return size <= this.#options.maxBytes / largestShare;
  }

  keep(name: string, file: KnownFile): void {
    this.#files.set(name, file);
    this.#kept.add(file);
  }

  forget(name: string): void {
    this.#files.delete(name);
  }

  /** Sets memory aside for a file that arrives; returns what gives it back, or undefined when there is none. */
  reserve(size: number): (() => void) | undefined {
    if (this.#otherBytes + size > this.#options.maxBytes) return undefined;
    this.#otherBytes += size;
    return () => {
      this.#otherBytes -= size;
    };
  }

  /** Somebody takes the file's bytes at his own pace, until he calls what is returned. */
  startReading(file: KnownFile): () => void {
    const readers = this.#readers.get(file) ?? 0;
    if (readers === 0 && !this.#kept.has(file)) this.#otherBytes += file.bytes?.length ?? 0;
    this.#readers.set(file, readers + 1);
    return () => {
      const left = (this.#readers.get(file) ?? 0) - 1;
      if (left > 0) {
        this.#readers.set(file, left);
        return;
      }
      this.#readers.delete(file);
      if (!this.#kept.has(file)) this.#otherBytes -= file.bytes?.length ?? 0;
    };
  }
}
