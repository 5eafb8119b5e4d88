/** What is published, for readers: index, files and public keys of one export, or index and files of one mirror. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import { isFileName } from '../domain/export/file-name.ts';
import { findExportByRoot, type PublishedExport } from '../storage/exports/exports.ts';
import { findReadableFile, type ReadableFile } from '../storage/exports/files.ts';
import { findMirrorByRoot, findMirroredFile } from '../storage/mirrors/mirrored-objects.ts';
import { exportPublicKeys, type PublicKeyVersion } from '../storage/exports/signing-keys.ts';
import { readIndexText } from './index/read-index.ts';
import type { ExportDeps } from './settings.ts';

/** Bytes of a message of a file's stream. */
const CHUNK_BYTES = 64 * 1024;

/** An index with its validator. */
export interface PublishedIndex {
  readonly content: Buffer;
  /** Opaque and strong: from the content alone, so it is the same on every replica. */
  readonly etag: string;
}

/** Which bytes of a file; length 0 = to the end. */
export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

type Deps = Pick<ExportDeps, 'database' | 'blobStore' | 'clock' | 'settings'>;

/**
 * The index as it was written last; empty before the first time.
 * @throws AppError `not_found`/`export_not_found`; `forbidden`/`on_hold`
 */
export async function readIndex({ database, blobStore }: Deps, filenameRoot: string): Promise<PublishedIndex> {
  const { bucket } = await findReleased(database, filenameRoot);
  const content = await readIndexText(blobStore, { bucket, filenameRoot });
  return { content, etag: createHash('sha256').update(content).digest('hex').slice(0, 32) };
}

/** Finds a file that is listed, or was a moment ago. Throws AppError `not_found`; `forbidden`/`on_hold`. */
export async function findFile(
  { database, clock }: Deps,
  filenameRoot: string,
  file: string,
): Promise<ReadableFile & { readonly etag: string }> {
  const { id, isMirror } = await findReleased(database, filenameRoot);
  const name = `${filenameRoot}/${file}`;
  const own = !isMirror && isFileName(file) ? await findReadableFile(database, name, { clock, exportId: id }) : null;
  const found = isMirror ? await findMirroredFile(database, id, file) : own;
  if (found === null) throw fileNotFound();
  return { ...found, etag: found.sha256.toString('hex').slice(0, 32) };
}

/**
 * Opens its bytes, which are read as fast as they are taken: a fault is known before anything is sent. Nothing is opened
 * for a range without bytes. Whoever has it destroys it.
 * @throws AppError `invalid`/`bad_range`, `not_found`/`file_not_found`, `unavailable`
 */
export async function openFile(
  { blobStore }: Deps,
  { bucket, name, size }: ReadableFile,
  range: FileRange,
): Promise<Readable> {
  if (range.offset > size) throw new AppError('invalid', 'bad_range', 'the offset is beyond the end of the file');
  if (range.offset === size) return Readable.from([]);
  const read = await blobStore.read({ bucket, name }, range);
  if (read === null) throw fileNotFound();
  return read.body;
}

/** Bytes in parts of a message's size. */
export async function* inChunks(body: Readable): AsyncGenerator<Buffer> {
  for await (const bytes of body as AsyncIterable<Buffer>) {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

/** Keys that verify the export's files, newest first. Throws AppError `not_found`/`export_not_found`. */
export async function readPublicKeys(
  { database, clock, settings }: Deps,
  filenameRoot: string,
): Promise<readonly PublicKeyVersion[]> {
  const { id } = await findExport(database, filenameRoot);
  return await exportPublicKeys(database, id, { clock, retentionSeconds: settings.retentionSeconds });
}

/** Whose files lie under a root. */
type Released = Pick<PublishedExport, 'id' | 'bucket'> & { readonly isMirror: boolean };

/** An export, or else a mirror. A hold says that something may be wrong with the files: nobody gets any of them. */
async function findReleased(database: Deps['database'], filenameRoot: string): Promise<Released> {
  const found = await findExportByRoot(database, filenameRoot);
  if (found?.isHeld === true) throw new AppError('forbidden', 'on_hold', 'this export is on hold');
  if (found !== null) return { ...found, isMirror: false };
  const mirror = await findMirrorByRoot(database, filenameRoot);
  if (mirror === null) throw exportNotFound();
  return { ...mirror, isMirror: true };
}

async function findExport(database: Deps['database'], filenameRoot: string): Promise<PublishedExport> {
  const found = await findExportByRoot(database, filenameRoot);
  if (found === null) throw exportNotFound();
  return found;
}

function exportNotFound(): AppError {
  return new AppError('not_found', 'export_not_found', 'no export has this filenameRoot');
}

function fileNotFound(): AppError {
  return new AppError('not_found', 'file_not_found', 'this file is not published');
}
