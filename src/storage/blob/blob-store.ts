/** What Enmesh asks of a blob store, whoever keeps the blobs. */
import type { Readable } from 'node:stream';

/** Where a blob lies. */
export interface BlobName {
  readonly bucket: string;
  /** With slashes; never starts with one, never has `.` or `..` parts. */
  readonly name: string;
}

/** Content that can be read more than once, so that a write can be tried again. */
export interface BlobSource {
  /** Bytes that every reading gives; another number is a fault, and nothing is written. */
  readonly size: number;
  /** A new reading from the first byte. */
  open(): Readable;
  /** File of this machine that holds just that, where there is one: a store of files copies it without reading it. */
  readonly path?: string;
}

/** What is written. */
export type BlobContent = Uint8Array | BlobSource;

/** How a blob is written. */
export interface PutOptions {
  readonly contentType: string;
  readonly cacheControl: string;
  /** Write only where nothing is: a published file can never be overwritten. */
  readonly onlyIfAbsent: boolean;
}

/** A blob's description. */
export interface BlobInfo {
  /** Bytes. */
  readonly size: number;
  /** Opaque; changes whenever the content does. */
  readonly etag: string;
}

/** Faults: AppError `unavailable`/`blob_store_unavailable`. */
export interface BlobStore {
  /** Writes all or nothing. `exists`: something was there and `onlyIfAbsent` was asked. */
  put(blob: BlobName, content: BlobContent, options: PutOptions): Promise<'written' | 'exists'>;
  /** Null when there is none. */
  stat(blob: BlobName): Promise<BlobInfo | null>;
  /** Null when there is none. `range` is first byte and length; length 0 = to the end. */
  read(
    blob: BlobName,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<{ readonly info: BlobInfo; readonly body: Readable } | null>;
  list(bucket: string, prefix: string): AsyncIterable<string>;
  /** Nothing there is fine. */
  delete(blob: BlobName): Promise<void>;
}
