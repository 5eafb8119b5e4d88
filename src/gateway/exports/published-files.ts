/** What the gateway knows of published files, and where it has it from: memory or the export role. */
import { AppError } from '../../domain/errors.ts';
import { FileCache, type FileCacheOptions, type FileDescription, type KnownFile } from './file-cache.ts';
import { SharedWork } from './shared-work.ts';
import { openFile, type CallOptions, type ExportClient, type OpenFile } from './wire.ts';

/** What one file is called. */
export interface FileName {
  readonly filenameRoot: string;
  readonly file: string;
}

/** Files of all exports. */
export class PublishedFiles {
  readonly #client: ExportClient;
  readonly #cache: FileCache;
  readonly #lookUps = new SharedWork<KnownFile>();

  constructor(client: ExportClient, options: FileCacheOptions) {
    this.#client = client;
    this.#cache = new FileCache(options);
  }

  /** The file if it is in memory and was checked a moment ago. */
  remembered(name: FileName): KnownFile | undefined {
    const known = this.#cache.get(nameOf(name));
    return known !== undefined && this.#cache.isFresh(known) ? known : undefined;
  }

  /**
   * Asks the export role, once for all who want to know at the same time.
   * @param wantsBytes read it into memory if it is small enough and there is room
   * @throws AppError `not_found`; `forbidden`/`on_hold`; `unavailable`, `timeout`
   */
  async find(name: FileName, wantsBytes: boolean, { signal, timeoutMs }: CallOptions): Promise<KnownFile> {
    const known = this.#cache.get(nameOf(name));
    if (known !== undefined && this.#cache.isFresh(known) && !this.#isWorthReading(known, wantsBytes)) return known;
    const wants = this.#isWorthReading(known, wantsBytes) ? 'whole' : 'description';
    return await this.#lookUps.join(`${wants} ${nameOf(name)}`, signal, async (shared) => {
      const call = { signal: shared, timeoutMs };
      return wants === 'whole' ? await this.#read(name, call) : await this.#describe(name, call);
    });
  }

  /** A part of the file from the export role; it must be the file that was found. */
  async open(name: FileName, found: KnownFile, part: PartOptions): Promise<OpenFile> {
    const file = await openFile(this.#client, { ...name, ...part.range }, part.call);
    if (isSame(file, found)) return file;
    file.close();
    throw changed();
  }

  /** See {@link FileCache.startReading}. */
  startReading(file: KnownFile): () => void {
    return this.#cache.startReading(file);
  }

  #isWorthReading(known: KnownFile | undefined, wantsBytes: boolean): boolean {
    return wantsBytes && (known === undefined || (known.bytes === undefined && this.#cache.mayKeep(known)));
  }

  /** Size and validator; bytes that are in memory stay. */
  async #describe(name: FileName, call: CallOptions): Promise<KnownFile> {
    const checkedAt = this.#cache.now();
    const size = this.#cache.get(nameOf(name))?.size;
    // A single byte where the size is unknown; else none, as there is nothing behind the last one.
    const range = size === undefined ? { offset: 0, length: 1 } : { offset: size, length: 0 };
    const file = await this.#openOrForget(name, range, call);
    file.close();
    const known = this.#cache.get(nameOf(name));
    if (known === undefined) return this.#keep(name, { ...descriptionOf(file), bytes: undefined, checkedAt });
    if (!isSame(file, known)) {
      this.#cache.forget(nameOf(name));
      throw changed();
    }
    known.checkedAt = Math.max(known.checkedAt, checkedAt);
    return known;
  }

  async #read(name: FileName, call: CallOptions): Promise<KnownFile> {
    const checkedAt = this.#cache.now();
    const file = await this.#openOrForget(name, { offset: 0, length: 0 }, call);
    const release = this.#cache.mayKeep(file) ? this.#cache.reserve(file.size) : undefined;
    try {
      const bytes = release === undefined ? undefined : await readWhole(file);
      return this.#keep(name, { ...descriptionOf(file), bytes, checkedAt });
    } finally {
      file.close();
      release?.();
    }
  }

  /** What is gone or on hold is not remembered any more. */
  async #openOrForget(name: FileName, range: PartOptions['range'], call: CallOptions): Promise<OpenFile> {
    try {
      return await openFile(this.#client, { ...name, ...range }, call);
    } catch (error) {
      if (error instanceof AppError && (error.kind === 'not_found' || error.kind === 'forbidden')) {
        this.#cache.forget(nameOf(name));
      }
      throw error;
    }
  }

  #keep(name: FileName, file: KnownFile): KnownFile {
    this.#cache.keep(nameOf(name), file);
    return file;
  }
}

/** Which part, and for whom. */
export interface PartOptions {
  /** Length 0 = to the end. */
  readonly range: { readonly offset: number; readonly length: number };
  readonly call: CallOptions;
}

function nameOf({ filenameRoot, file }: FileName): string {
  return `${filenameRoot}/${file}`;
}

function descriptionOf({ size, etag }: FileDescription): FileDescription {
  return { size, etag };
}

function isSame(a: FileDescription, b: FileDescription): boolean {
  return a.size === b.size && a.etag === b.etag;
}

async function readWhole({ size, chunks }: OpenFile): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const chunk of exactly(chunks, size)) filled += chunk.copy(bytes, filled);
  return bytes;
}

/**
 * What has another length than announced must not look complete: the last chunk waits for the end.
 * @throws AppError `internal`
 */
export async function* exactly(chunks: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let seen = 0;
  let last: Buffer | undefined;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > length) break;
    if (last) yield last;
    last = chunk;
  }
  if (seen !== length)
    throw new AppError('internal', 'internal_error', 'the export role sent a file of another length');
  if (last) yield last;
}

function changed(): AppError {
  return new AppError('internal', 'internal_error', 'a published file has changed');
}
