/** Blobs at a provider of object storage: names checked, faults told, every request limited and tried again where that can help. */
import { randomInt } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../domain/errors.ts';
import { bucketMissing, providerError } from './blob-error.ts';
import { blobParts, checkBucket } from './blob-name.ts';
import type { BlobContent, BlobInfo, BlobName, BlobStore, PutOptions } from './blob-store.ts';
import { guardedBody } from './guarded-body.ts';
import type { BlobProvider, PutCondition } from './provider.ts';
import { Silence } from './silence.ts';
import { isAbsent, isBehindEnd, isConditionFailed, isTransient, storeAnswer } from './store-answer.ts';
import { WatchedContent } from './watched-content.ts';

/** How long to try, and what may be made. */
export interface RemoteTerms {
  /** Tries of one request; 4 when not given. */
  readonly tries?: number;
  /** Longest time without an answer, or a piece of one; 20 s when not given. */
  readonly silenceMs?: number;
  /** Longest pause after the first failure, doubled with each; 200 ms when not given. */
  readonly firstPauseMs?: number;
  /** Make a bucket that is missing when something is written to it. */
  readonly createBuckets: boolean;
}

const defaults = { tries: 4, silenceMs: 20_000, firstPauseMs: 200 };
const wholeBlob = { offset: 0, length: 0 };
/** A name that is gone between the look at it and the write. */
const absentBlobWord = 'NoSuchKey';

/**
 * Repeats by itself instead of leaving it to the clients: they repeat no upload of a stream, and Google's stops repeating
 * anything after one unconditional write.
 */
export class RemoteBlobStore implements BlobStore {
  readonly #provider: BlobProvider;
  readonly #terms: Required<RemoteTerms>;

  constructor(provider: BlobProvider, terms: RemoteTerms) {
    this.#provider = provider;
    this.#terms = { ...defaults, ...terms };
  }

  /** A try that has succeeded although its answer was lost makes the next one find the blob: `exists`. */
  async put(blob: BlobName, content: BlobContent, options: PutOptions): Promise<'written' | 'exists'> {
    this.#check(blob);
    try {
      return await this.#write(blob, content, options);
    } catch (error) {
      // A store that refuses before it has taken the content may hang up, every time: then only a look tells.
      if (options.onlyIfAbsent && (await this.#isThere(blob))) return 'exists';
      throw error;
    }
  }

  async #write(blob: BlobName, content: BlobContent, options: PutOptions): Promise<'written' | 'exists'> {
    return await this.#repeat(async (silence) => {
      const condition = options.onlyIfAbsent ? 'absent' : await this.#asItIs(blob, silence);
      try {
        await this.#upload({ blob, content, options, condition }, silence);
        return 'written';
      } catch (error) {
        const answer = storeAnswer(error);
        if (options.onlyIfAbsent && isConditionFailed(answer)) return 'exists';
        // Another write came between: look again. So an old one that was thought lost never replaces a newer one.
        if (isConditionFailed(answer) || answer.word === absentBlobWord) throw new TryAgain(error);
        if (isAbsent(answer)) await this.#makeBucket(blob.bucket, silence);
        throw isAbsent(answer) ? new TryAgain(error) : error;
      }
    });
  }

  async stat(blob: BlobName): Promise<BlobInfo | null> {
    this.#check(blob);
    return await this.#repeat((silence) => this.#stat(blob, silence));
  }

  async read(
    blob: BlobName,
    range: { readonly offset: number; readonly length: number } = wholeBlob,
  ): Promise<{ readonly info: BlobInfo; readonly body: Readable } | null> {
    this.#check(blob);
    return await this.#repeat(async (silence) => {
      try {
        const { info, body } = await silence.during(this.#provider.read(blob, { range, signal: silence.signal }));
        const end = range.length === 0 ? info.size : Math.min(info.size, range.offset + range.length);
        const { silenceMs } = this.#terms;
        const toFault = (error: unknown): Error => this.#faultOf(error);
        return { info, body: guardedBody(body, { size: end - range.offset, silenceMs, toFault }) };
      } catch (error) {
        const answer = storeAnswer(error);
        if (isAbsent(answer)) return null;
        if (!isBehindEnd(answer)) throw error;
        const info = await this.#stat(blob, silence);
        return info && { info, body: Readable.from([]) };
      }
    });
  }

  async *list(bucket: string, prefix: string): AsyncGenerator<string> {
    this.#checkBucket(bucket);
    let after: string | undefined;
    do {
      const query = { bucket, prefix, after };
      const page = await this.#repeat((silence) => orNull(silence.during(this.#provider.list(query, silence.signal))));
      yield* page?.names ?? [];
      after = page?.next;
    } while (after !== undefined);
  }

  async delete(blob: BlobName): Promise<void> {
    this.#check(blob);
    await this.#repeat((silence) => orNull(silence.during(this.#provider.delete(blob, silence.signal))));
  }

  /** One look; false when it fails. */
  async #isThere(blob: BlobName): Promise<boolean> {
    const silence = new Silence(this.#terms.silenceMs);
    try {
      return (await this.#stat(blob, silence)) !== null;
    } catch {
      return false;
    } finally {
      silence.end();
    }
  }

  async #stat(blob: BlobName, silence: Silence): Promise<BlobInfo | null> {
    return await orNull(silence.during(this.#provider.stat(blob, silence.signal)));
  }

  async #asItIs(blob: BlobName, silence: Silence): Promise<PutCondition> {
    const info = await this.#stat(blob, silence);
    return info === null ? 'absent' : { etag: info.etag };
  }

  async #upload({ blob, content, options, condition }: Upload, silence: Silence): Promise<void> {
    const watched = new WatchedContent(content, silence);
    const { contentType, cacheControl } = options;
    const { signal } = silence;
    try {
      await silence.during(this.#provider.put(blob, watched.content, { contentType, cacheControl, condition, signal }));
    } catch (error) {
      throw watched.failure === undefined ? error : new SourceFailed(watched.failure);
    } finally {
      watched.close();
    }
  }

  /** Throws AppError `unavailable`/`blob_bucket_missing` where that is not wanted. */
  async #makeBucket(bucket: string, silence: Silence): Promise<void> {
    if (!this.#terms.createBuckets) throw bucketMissing(this.#provider.name);
    silence.heard();
    try {
      await silence.during(this.#provider.createBucket(bucket, silence.signal));
    } catch (error) {
      const isMadeByOthers = storeAnswer(error).status === 409;
      if (!isMadeByOthers) throw error;
    }
  }

  async #repeat<T>(work: (silence: Silence) => Promise<T>): Promise<T> {
    const { tries, silenceMs, firstPauseMs } = this.#terms;
    for (let failures = 1; ; failures++) {
      const silence = new Silence(silenceMs);
      try {
        return await work(silence);
      } catch (error) {
        if (error instanceof SourceFailed) throw error.failure;
        if (failures === tries || !isWorthAnotherTry(error)) throw this.#faultOf(error);
      } finally {
        silence.end();
      }
      // Anything up to the limit, so that processes that failed together do not come back together.
      await pause(randomInt(0, firstPauseMs * 2 ** (failures - 1) + 1));
    }
  }

  #faultOf(error: unknown): AppError {
    if (error instanceof TryAgain) return this.#faultOf(error.cause);
    if (error instanceof AppError && error.code !== 'time_limit') return error;
    return providerError(this.#provider.name, storeAnswer(error));
  }

  #check(blob: BlobName): void {
    blobParts(blob);
    this.#checkBucket(blob.bucket);
  }

  #checkBucket(bucket: string): void {
    checkBucket(bucket);
    const { name, bucketPattern, bucketRule } = this.#provider;
    if (!bucketPattern.test(bucket)) {
      throw new AppError('invalid', 'blob_name_invalid', `\`bucket\` cannot be a bucket of ${name}: ${bucketRule}`);
    }
  }
}

interface Upload {
  readonly blob: BlobName;
  readonly content: BlobContent;
  readonly options: PutOptions;
  readonly condition: PutCondition;
}

/** What is found otherwise at the next try. */
class TryAgain extends Error {
  constructor(cause: unknown) {
    super('try again', { cause });
  }
}

/** Carries the source's error past everything that deals with the store's. */
class SourceFailed extends Error {
  readonly failure: Error;

  constructor(failure: Error) {
    super('the content could not be read');
    this.failure = failure;
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof TryAgain || (!(error instanceof AppError) && isTransient(storeAnswer(error)));
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isAbsent(storeAnswer(error))) return null;
    throw error;
  }
}
