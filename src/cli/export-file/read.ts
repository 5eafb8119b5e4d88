/** Opens an export file: the zip, its two entries and what they say. */
import {
  decodeExportBin,
  decodeExportSig,
  type DecodedExport,
  type DecodedSignatureList,
} from '../../domain/export-file/decode.ts';
import { EXPORT_BIN, EXPORT_SIG } from '../../domain/export-file/format.ts';
import { AppError } from '../../domain/errors.ts';
import { readZip } from '../../platform/read-zip.ts';

/** Largest entry: eight million keys. */
const maxEntryBytes = 256 * 1024 * 1024;
const wanted = new Map([
  [EXPORT_BIN, maxEntryBytes],
  [EXPORT_SIG, maxEntryBytes],
]);

/** An export file, unpacked. */
export interface UnpackedFile {
  /** Names of all entries, in order. */
  readonly entryNames: readonly string[];
  /** `export.bin` as signed. */
  readonly bin: Buffer;
  readonly signatures: DecodedSignatureList;
}

/** An export file, read. */
export interface ExportFile extends UnpackedFile {
  readonly content: DecodedExport;
}

/** Reads all but `export.bin`. Throws AppError `invalid`/`export_file_invalid` for anything that is no export file. */
export async function unpackExportFile(zip: Buffer): Promise<UnpackedFile> {
  const { names, contents } = await readZip(zip, wanted);
  const bin = contents.get(EXPORT_BIN);
  const sig = contents.get(EXPORT_SIG);
  if (bin === undefined) throw invalid(`has no entry ${EXPORT_BIN}`);
  if (sig === undefined) throw invalid(`has no entry ${EXPORT_SIG}`);
  return { entryNames: names, bin, signatures: decodeExportSig(sig) };
}

/** Reads all of it into memory. Throws as {@link unpackExportFile}. */
export async function readExportFile(zip: Buffer): Promise<ExportFile> {
  const file = await unpackExportFile(zip);
  return { ...file, content: decodeExportBin(file.bin) };
}

function invalid(what: string): AppError {
  return new AppError('invalid', 'export_file_invalid', what);
}
