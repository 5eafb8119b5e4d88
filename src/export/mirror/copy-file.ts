/** Copies one file of another authority, unchanged, so that its signature stays good. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { fileUrl } from '../../domain/import/listed-files.ts';
import { downloadToFile, type DownloadedFile } from '../../platform/download.ts';
import { fileDownload } from '../../platform/download-settings.ts';
import { fileSource } from '../../storage/blob/file-source.ts';
import type { BlobName, BlobStore } from '../../storage/blob/blob-store.ts';
import { markCopied, type WaitingFile } from '../../storage/mirrors/mirror-files.ts';
import { forgetLeftover } from '../../storage/mirrors/mirror-leftovers.ts';
import { removeSpooled } from '../batch/spool.ts';
import { fileOptions } from '../put-options.ts';
import type { MirrorDeps } from './settings.ts';
import { mirrorLost, type MirrorWork } from './work.ts';
import { isExportZip } from './zip-check.ts';

/**
 * Downloads it to the spool, looks at it, uploads it and writes that down. Where the object exists already, a killed worker
 * was here: the same bytes are adopted, others are left alone.
 *
 * @throws AppError `download_…`; invalid `mirrored_file_unusable` for what is no export file; conflict `mirrored_file_differs`
 *   when the object is another file; conflict `lease_lost`; `unavailable`; the signal's reason
 */
export async function copyFile(deps: MirrorDeps, work: MirrorWork, file: WaitingFile): Promise<void> {
  const { database, blobStore, clock, settings } = deps;
  const spoolPath = join(settings.spoolDir, `${spoolPrefix(work)}-${file.id}-${work.holder.owner}.zip`);
  try {
    const downloaded = await download(deps, work, { file, spoolPath });
    if (!(await isExportZip(spoolPath))) {
      throw new AppError('invalid', 'mirrored_file_unusable', 'the file is not all of a zip with an export in it');
    }
    work.signal.throwIfAborted();
    const blob = { bucket: work.mirror.bucket, name: `${work.mirror.filenameRoot}/${file.name}` };
    await forgetLeftover(database, blob);
    await upload(blobStore, blob, { spoolPath, downloaded });
    if (!(await markCopied(database, work.holder, { clock, file: { fileId: file.id, ...downloaded } }))) {
      throw mirrorLost();
    }
  } finally {
    await removeSpooled(spoolPath);
  }
}

/** First part of the names of a mirror's unfinished files. */
export function spoolPrefix({ mirror }: Pick<MirrorWork, 'mirror'>): string {
  return `mirror-${String(mirror.id)}`;
}

async function download(
  { settings }: MirrorDeps,
  { mirror, signal }: MirrorWork,
  { file, spoolPath }: { readonly file: WaitingFile; readonly spoolPath: string },
): Promise<DownloadedFile> {
  const options = fileDownload(settings.download, { maxBytes: settings.maxFileBytes, signal });
  return await downloadToFile(fileUrl(mirror.baseUrl, file.path), spoolPath, options);
}

async function upload(
  blobStore: BlobStore,
  blob: BlobName,
  { spoolPath, downloaded }: { readonly spoolPath: string; readonly downloaded: DownloadedFile },
): Promise<void> {
  const content = fileSource(spoolPath, downloaded.size);
  if ((await blobStore.put(blob, content, fileOptions)) === 'written') return;
  const there = await blobHash(blobStore, blob);
  if (there?.equals(downloaded.sha256) === true) return;
  throw new AppError(
    'conflict',
    'mirrored_file_differs',
    'another file lies in the bucket under its name, and is never overwritten',
  );
}

/** SHA-256 of the whole object; null when nothing is there. */
async function blobHash(blobStore: BlobStore, blob: BlobName): Promise<Buffer | null> {
  const read = await blobStore.read(blob);
  if (read === null) return null;
  const hash = createHash('sha256');
  for await (const chunk of read.body as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest();
}
