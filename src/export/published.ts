/** What is published, for readers: index, files and public keys of one export. */
import { createHash } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import { indexName, isFileName } from '../domain/export/file-name.ts';
import { findExportByRoot, type PublishedExport } from '../storage/exports.ts';
import { findReadableFile, type ReadableFile } from '../storage/files.ts';
import { exportPublicKeys, type PublicKeyVersion } from '../storage/signing-keys.ts';
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
  const { bucket } = await findReleasedExport(database, filenameRoot);
  const read = await blobStore.read({ bucket, name: indexName(filenameRoot) });
  const content = read === null ? Buffer.alloc(0) : Buffer.concat((await read.body.toArray()) as Buffer[]);
  return { content, etag: createHash('sha256').update(content).digest('hex').slice(0, 32) };
}

/** Finds a file that is listed, or was a moment ago. Throws AppError `not_found`; `forbidden`/`on_hold`. */
export async function findFile(
  { database, clock }: Deps,
  filenameRoot: string,
  file: string,
): Promise<ReadableFile & { readonly etag: string }> {
  const { id } = await findReleasedExport(database, filenameRoot);
  const found = isFileName(file)
    ? await findReadableFile(database, `${filenameRoot}/${file}`, { clock, exportId: id })
    : null;
  if (found === null) throw fileNotFound();
  return { ...found, etag: found.sha256.toString('hex').slice(0, 32) };
}

/** Its bytes in chunks, read as fast as they are taken. Throws AppError `invalid`/`bad_range`, `not_found`, `unavailable`. */
export async function* readFile(
  { blobStore }: Deps,
  { bucket, name, size }: ReadableFile,
  range: FileRange,
): AsyncGenerator<Buffer> {
  if (range.offset > size) throw new AppError('invalid', 'bad_range', 'the offset is beyond the end of the file');
  const read = await blobStore.read({ bucket, name }, range);
  if (read === null) throw fileNotFound();
  for await (const bytes of read.body as AsyncIterable<Buffer>) {
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

/** A hold says that something may be wrong with the files: nobody gets any of them. */
async function findReleasedExport(database: Deps['database'], filenameRoot: string): Promise<PublishedExport> {
  const found = await findExport(database, filenameRoot);
  if (found.isHeld) throw new AppError('forbidden', 'on_hold', 'this export is on hold');
  return found;
}

async function findExport(database: Deps['database'], filenameRoot: string): Promise<PublishedExport> {
  const found = await findExportByRoot(database, filenameRoot);
  if (found === null) throw new AppError('not_found', 'export_not_found', 'no export has this filenameRoot');
  return found;
}

function fileNotFound(): AppError {
  return new AppError('not_found', 'file_not_found', 'this file is not published');
}
