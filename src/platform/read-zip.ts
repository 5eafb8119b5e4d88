/** Reads entries of a zip that strangers made: by name, bounded in number and in inflated size. */
import { crc32 } from 'node:zlib';
import { fromBufferPromise, type Entry, type ZipFile } from 'yauzl';
import { AppError } from '../domain/errors.ts';

/** More entries than any file needs that somebody put something into beside what is wanted. */
const maxEntries = 64;

/** A zip, read. */
export interface ZipEntries {
  /** Of all entries, in order. */
  readonly names: readonly string[];
  /** Name → bytes of the wanted ones that are there; of entries with one name the first counts. */
  readonly contents: ReadonlyMap<string, Buffer>;
}

/**
 * Inflates what is wanted and nothing else. An entry that inflates to more than it says is refused at that byte.
 * @param wanted name → most bytes, inflated
 * @throws AppError `invalid`/`export_file_invalid` for what is no zip, has too many entries or a larger one
 */
export async function readZip(bytes: Buffer, wanted: ReadonlyMap<string, number>): Promise<ZipEntries> {
  const names: string[] = [];
  const contents = new Map<string, Buffer>();
  try {
    const zip = await fromBufferPromise(bytes, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      names.push(name);
      if (names.length > maxEntries) throw invalid('has too many entries');
      const maxBytes = wanted.get(name);
      if (maxBytes !== undefined && !contents.has(name)) contents.set(name, await readEntry(zip, entry, maxBytes));
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw invalid(`is no zip that can be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  return { names, contents };
}

async function readEntry(zip: ZipFile, entry: Entry, maxBytes: number): Promise<Buffer> {
  if (entry.uncompressedSize > maxBytes) throw invalid(`${entry.fileName} is too large`);
  const chunks: Buffer[] = [];
  for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (crc32(bytes) !== entry.crc32) throw invalid(`${entry.fileName} does not match its checksum`);
  return bytes;
}

function invalid(what: string, cause?: unknown): AppError {
  return new AppError('invalid', 'export_file_invalid', what, { cause });
}
