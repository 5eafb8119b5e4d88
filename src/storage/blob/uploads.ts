/** Unfinished writes of the filesystem store: temporary files in a hidden folder of the bucket. */
import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import type { Clock } from '../../platform/clock.ts';
import { isAlive } from '../../platform/is-alive.ts';
import { unless } from '../../platform/system-error.ts';
import { blobStoreError } from './blob-error.ts';
import { uploadsFolder } from './blob-name.ts';
import type { BlobContent, BlobSource } from './blob-store.ts';

/** An upload that nobody has written to for so long is dead, whatever machine it came from. */
const staleAfterMs = 60 * 60 * 1000;

/**
 * Writes the content to a new temporary file of the bucket, down to the disk.
 *
 * @returns its path
 * @throws AppError `unavailable`/`blob_store_unavailable`, or what the content throws; the file is gone then
 */
export async function writeUpload(bucketPath: string, content: BlobContent): Promise<string> {
  const folder = join(bucketPath, uploadsFolder);
  const path = join(folder, uploadName());
  let file: FileHandle;
  try {
    await mkdir(folder, { recursive: true });
    file = await open(path, 'wx');
  } catch (error) {
    throw blobStoreError(error);
  }
  try {
    await writeContent(file, path, content);
    return path;
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeContent(file: FileHandle, path: string, content: BlobContent): Promise<void> {
  try {
    if (content instanceof Uint8Array) await writeAll(file, content);
    else await writeSource(file, path, content);
    await file.sync().catch(fail);
  } finally {
    await file.close().catch(fail);
  }
}

async function writeSource(file: FileHandle, path: string, source: BlobSource): Promise<void> {
  if (source.path !== undefined) await copyContent(file, path, source.path);
  else for await (const chunk of source.open() as AsyncIterable<Uint8Array>) await writeAll(file, chunk);
  const { size } = await file.stat().catch(fail);
  if (size !== source.size) fail(new Error('the content has another size than it was said to have'));
}

/** Copying takes the permissions along, but what is published is for everybody whom the umask allows, like any other blob. */
async function copyContent(file: FileHandle, path: string, from: string): Promise<void> {
  const { mode } = await file.stat().catch(fail);
  await copyFile(from, path, constants.COPYFILE_FICLONE).catch(fail);
  await file.chmod(mode & 0o777).catch(fail);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done).catch(fail);
    done += bytesWritten;
  }
}

function fail(error: unknown): never {
  throw blobStoreError(error);
}

/** Removes what killed processes left: uploads of dead processes of this machine, and very old ones of any. */
export async function removeDeadUploads(bucketPath: string, clock: Clock): Promise<void> {
  const folder = join(bucketPath, uploadsFolder);
  const names = await unless(['ENOENT', 'ENOTDIR'], [], readdir(folder));
  for (const name of names) {
    const path = join(folder, name);
    if (isOfDeadProcess(name) || (await isStale(path, clock))) await rm(path, { force: true });
  }
}

async function isStale(path: string, clock: Clock): Promise<boolean> {
  const info = await unless(['ENOENT'], null, stat(path));
  return info !== null && clock.now().getTime() - info.mtimeMs > staleAfterMs;
}

/** Machine and process stand in the name, so that the living can tell whose files are nobody's. */
function uploadName(): string {
  return `${encodeURIComponent(hostname())}~${String(pid)}~${randomUUID()}`;
}

function isOfDeadProcess(name: string): boolean {
  const [host, owner] = name.split('~');
  return host === encodeURIComponent(hostname()) && !isAlive(Number(owner));
}
