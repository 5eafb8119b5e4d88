/** A zip that is written from front to back, entry by entry, at constant memory. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createDeflateRaw } from 'node:zlib';
import { AppError } from '../../domain/errors.ts';
import { centralDirectory, dataDescriptor, localHeader, type ZipEntry } from './zip-headers.ts';

/** Largest number in a zip without zip64, which phones need not read. */
const MAX_ZIP_BYTES = 0xffff_ffff;
/** Levels 1, 4 and 6 give the same size for random keys; 1 is the fastest. */
const DEFLATE_LEVEL = 1;
const BUFFER_BYTES = 32 * 1024;
/** Chunks made while earlier ones are deflated on another thread. */
const CHUNKS_AHEAD = 2;

/** Limits of a zip; tests lower them. */
export interface ZipLimits {
  /** Bytes of an entry, and of the zip. */
  readonly maxBytes: number;
}

/** A zip under construction. */
export class ZipFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #maxBytes: number;
  readonly #entries: ZipEntry[] = [];
  #offset = 0;

  private constructor(path: string, file: FileHandle, limits: ZipLimits) {
    this.#path = path;
    this.#file = file;
    this.#maxBytes = limits.maxBytes;
  }

  /** Begins a zip at `path`; what is there is replaced. Throws AppError `unavailable`/`spool_unavailable`. */
  static async create(path: string, limits: ZipLimits = { maxBytes: MAX_ZIP_BYTES }): Promise<ZipFile> {
    try {
      return new ZipFile(path, await open(path, 'w', 0o600), limits);
    } catch (error) {
      throw spoolError(error);
    }
  }

  /**
   * Adds an entry; its chunks are deflated while the next ones are made.
   *
   * @throws AppError `precondition`/`export_file_too_large`, `unavailable`/`spool_unavailable`, the signal's reason, or what
   *   `content` throws
   */
  async add(name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>, signal?: AbortSignal): Promise<void> {
    const offset = this.#offset;
    await this.#write(localHeader(name));
    const dataOffset = this.#offset;
    const measured = { crc32: 0, size: 0 };
    await pipeline(
      Readable.from(this.#measure(content, measured), { highWaterMark: CHUNKS_AHEAD }),
      createDeflateRaw({ level: DEFLATE_LEVEL, memLevel: 9, chunkSize: BUFFER_BYTES }),
      async (deflated: AsyncIterable<Buffer>) => {
        for await (const chunk of deflated) await this.#write(chunk);
      },
      { signal: signal ?? new AbortController().signal },
    );
    const entry = { name, offset, ...measured, compressedSize: this.#offset - dataOffset };
    await this.#write(dataDescriptor(entry));
    this.#entries.push(entry);
  }

  /** Writes the directory and closes. Returns the zip's bytes. */
  async finish(): Promise<number> {
    await this.#write(centralDirectory(this.#entries, this.#offset));
    await this.#file.close();
    return this.#offset;
  }

  /** Closes and removes what was written. Never throws: it runs when something else has already failed. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async *#measure(
    content: AsyncIterable<Buffer> | Iterable<Buffer>,
    measured: { crc32: number; size: number },
  ): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      measured.crc32 = crc32(chunk, measured.crc32);
      measured.size += chunk.length;
      if (measured.size > this.#maxBytes) throw tooLarge();
      yield chunk;
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#offset + bytes.length > this.#maxBytes) throw tooLarge();
    try {
      for (let done = 0; done < bytes.length;) done += (await this.#file.write(bytes, done)).bytesWritten;
    } catch (error) {
      throw spoolError(error);
    }
    this.#offset += bytes.length;
  }
}

function tooLarge(): AppError {
  return new AppError(
    'precondition',
    'export_file_too_large',
    'an export file would exceed 4 GiB; lower maxRecords of the export',
  );
}

function spoolError(cause: unknown): AppError {
  return new AppError('unavailable', 'spool_unavailable', 'the folder for unfinished export files cannot be written', {
    cause,
  });
}
