/** Writes one decided file and publishes it, exactly once whatever happened before. */
import { join } from 'node:path';
import type { Batch, ExportFile } from '../../domain/export/batch.ts';
import { AppError } from '../../domain/errors.ts';
import type { KeyBlock } from '../../domain/export-file/key-block.ts';
import { fileSource } from '../../storage/blob/file-source.ts';
import type { BlobName } from '../../storage/blob/blob-store.ts';
import type { LeaseHolder } from '../../storage/exports/batches.ts';
import { markUploaded } from '../../storage/exports/files.ts';
import { windowKeys } from '../../storage/exports/key-stream.ts';
import { unlessAborted } from '../file/abortable.ts';
import { writeExportFile, type WrittenExportFile } from '../file/write.ts';
import { recordedSigners } from '../keys/signers.ts';
import { fileOptions } from '../put-options.ts';
import type { ExportDeps } from '../settings.ts';
import { leaseLost } from './lease.ts';
import { readPublished } from './published-file.ts';
import { removeSpooled, spoolName } from './spool.ts';

type Deps = Pick<ExportDeps, 'database' | 'blobStore' | 'keyManager' | 'settings'>;

/** A file on its way. */
export interface FileWork {
  readonly batch: Batch;
  readonly file: ExportFile;
  readonly holder: LeaseHolder;
  readonly signal: AbortSignal;
}

/**
 * Streams the keys into a signed zip, uploads it and writes that down. Where the object exists already, a killed worker
 * was here: the same `export.bin` is adopted (signatures differ from run to run).
 *
 * @throws AppError `internal`/`published_file_differs` when the object is another file; `precondition`/`batch_changed` when
 *   keys were deleted since the file was decided; `conflict`/`lease_lost`; those of the database, the key manager, the
 *   blob store and `writeExportFile`; the signal's reason
 */
export async function publishFile(deps: Deps, work: FileWork): Promise<void> {
  const { database, settings } = deps;
  const spoolPath = join(settings.spoolDir, spoolName(work.holder, work.file.number));
  try {
    const written = await writeFile(deps, work, spoolPath);
    work.signal.throwIfAborted();
    const size = await unlessAborted(upload(deps, work.file, { spoolPath, written }), work.signal);
    const uploaded = { fileId: work.file.id, size, sha256: written.sha256 };
    if (!(await markUploaded(database, work.holder, uploaded))) throw leaseLost();
  } finally {
    await removeSpooled(spoolPath);
  }
}

async function writeFile(
  { database, keyManager }: Deps,
  { batch, file, signal }: FileWork,
  spoolPath: string,
): Promise<WrittenExportFile> {
  const signers = await recordedSigners({ database, keyManager }, file.signers);
  const written = await database.withClient(
    async (client) =>
      await writeExportFile({
        header: { startTimestamp: batch.windowStart, endTimestamp: file.endTimestamp, region: batch.outputRegion },
        keys: file.keyRange ? windowKeys(client, batch, { list: 'keys', range: file.keyRange }) : noKeys(),
        revisedKeys: file.revisedKeyRange
          ? windowKeys(client, batch, { list: 'revisedKeys', range: file.revisedKeyRange })
          : noKeys(),
        signers,
        spoolPath,
        signal,
      }),
  );
  if (written.keys !== file.counts.keys || written.revisedKeys !== file.counts.revisedKeys) throw batchChanged();
  return written;
}

async function upload(
  { blobStore }: Deps,
  file: ExportFile,
  { spoolPath, written }: { readonly spoolPath: string; readonly written: WrittenExportFile },
): Promise<number> {
  const blob: BlobName = { bucket: file.bucket, name: file.name };
  const content = fileSource(spoolPath, written.size);
  if ((await blobStore.put(blob, content, fileOptions)) === 'written') return written.size;
  const published = await readPublished(blobStore, blob);
  if (published?.sha256.equals(written.sha256) === true) return published.size;
  throw new AppError(
    'internal',
    'published_file_differs',
    `another file is published as ${file.name}; it is never overwritten: \`enmesh export reprocess\` publishes the batch under new names`,
  );
}

async function* noKeys(): AsyncGenerator<KeyBlock> {
  // Nothing to give.
}

function batchChanged(): AppError {
  return new AppError(
    'precondition',
    'batch_changed',
    'keys of the batch were deleted after its files were decided: `enmesh export reprocess` decides them anew',
  );
}
