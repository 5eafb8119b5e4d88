/** What a provider of object storage is asked: one request each, as its own client makes it. */
import type { Readable } from 'node:stream';
import type { BlobContent, BlobInfo, BlobName, PutOptions } from './blob-store.ts';

/** What must be so for a write to happen: nothing is there, or what was read (its etag). */
export type PutCondition = 'absent' | { readonly etag: string };

/** How a provider writes. */
export interface ProviderPut extends Pick<PutOptions, 'contentType' | 'cacheControl'> {
  readonly condition: PutCondition;
  readonly signal: AbortSignal;
}

/** Which bytes are read; length 0 = to the end. */
export interface ProviderRead {
  readonly range: { readonly offset: number; readonly length: number };
  readonly signal: AbortSignal;
}

/** A page of names, and what the next one is asked with. */
export interface NamePage {
  readonly names: readonly string[];
  readonly next?: string;
}

/** Which names are asked for. */
export interface ListQuery {
  readonly bucket: string;
  readonly prefix: string;
  /** `next` of the page before. */
  readonly after: string | undefined;
}

/**
 * One request each, never repeated by the client itself. What fails is thrown as the client throws it; it never gets
 * further than `store-answer.ts`, because it may hold tokens, signatures and addresses.
 */
export interface BlobProvider {
  /** As people call it, such as `S3`. */
  readonly name: string;
  /** Names of buckets, where they are narrower than Enmesh's. */
  readonly bucketPattern: RegExp;
  /** The same in words. */
  readonly bucketRule: string;
  put(blob: BlobName, content: BlobContent, options: ProviderPut): Promise<void>;
  stat(blob: BlobName, signal: AbortSignal): Promise<BlobInfo>;
  /** `info` is of the whole blob. */
  read(blob: BlobName, options: ProviderRead): Promise<{ readonly info: BlobInfo; readonly body: Readable }>;
  list(query: ListQuery, signal: AbortSignal): Promise<NamePage>;
  delete(blob: BlobName, signal: AbortSignal): Promise<void>;
  createBucket(bucket: string, signal: AbortSignal): Promise<void>;
}

/** The whole blob's size in bytes, as the answer to a read of all or a part tells it (RFC 9110, 14.4). */
export function wholeSize(contentRange: string | null | undefined, contentLength: number): number {
  const [, total] = /\/(\d+)$/.exec(contentRange ?? '') ?? [];
  return total === undefined ? contentLength : Number(total);
}

/** The value of a `Range` header, or undefined for everything (RFC 9110, 14.2). */
export function rangeHeader({ offset, length }: ProviderRead['range']): string | undefined {
  if (offset === 0 && length === 0) return undefined;
  return `bytes=${String(offset)}-${length === 0 ? '' : String(offset + length - 1)}`;
}
