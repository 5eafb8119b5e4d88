/** Opens an export file: the zip, its two entries and what they say. */
import { crc32 } from 'node:zlib';
import { fromBufferPromise, type Entry, type ZipFile } from 'yauzl';
import {
  decodeExportBin,
  decodeExportSig,
  type DecodedExport,
  type DecodedSignatureList,
} from '../../domain/export-file/decode.ts';
import { EXPORT_BIN, EXPORT_SIG } from '../../domain/export-file/format.ts';
import { AppError } from '../../domain/errors.ts';

/** Largest entry: eight million keys. */
const maxEntryBytes = 256 * 1024 * 1024;
const maxEntries = 64;

/** An export file, read. */
export interface ExportFile {
  /** Names of all entries, in order. */
  readonly entryNames: readonly string[];
  /** `export.bin` as signed. */
  readonly bin: Buffer;
  readonly content: DecodedExport;
  readonly signatures: DecodedSignatureList;
}

/** @throws AppError `invalid`/`export_file_invalid` for anything that is no export file */
export async function readExportFile(zip: Buffer): Promise<ExportFile> {
  const { names, entries } = await readEntries(zip);
  const bin = entries.get(EXPORT_BIN);
  const sig = entries.get(EXPORT_SIG);
  if (bin === undefined) throw invalid(`has no entry ${EXPORT_BIN}`);
  if (sig === undefined) throw invalid(`has no entry ${EXPORT_SIG}`);
  return { entryNames: names, bin, content: decodeExportBin(bin), signatures: decodeExportSig(sig) };
}

async function readEntries(bytes: Buffer): Promise<{ names: string[]; entries: Map<string, Buffer> }> {
  const names: string[] = [];
  const entries = new Map<string, Buffer>();
  try {
    const zip = await fromBufferPromise(bytes, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) {
      names.push(entry.fileName);
      if (names.length > maxEntries) throw invalid('has too many entries');
      const isOurs = entry.fileName === EXPORT_BIN || entry.fileName === EXPORT_SIG;
      if (isOurs && !entries.has(entry.fileName)) entries.set(entry.fileName, await readEntry(zip, entry));
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw invalid(`is no zip that can be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  return { names, entries };
}

async function readEntry(zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (entry.uncompressedSize > maxEntryBytes) throw invalid(`${entry.fileName} is too large`);
  const chunks: Buffer[] = [];
  for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (crc32(bytes) !== entry.crc32) throw invalid(`${entry.fileName} does not match its checksum`);
  return bytes;
}

function invalid(what: string, cause?: unknown): AppError {
  return new AppError('invalid', 'export_file_invalid', what, { cause });
}
