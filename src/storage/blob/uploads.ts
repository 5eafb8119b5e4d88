/** Unfinished writes of the filesystem store: temporary files in a hidden folder of the bucket. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import type { Readable } from 'node:stream';
import type { Clock } from '../../platform/clock.ts';
import { isAlive } from '../../platform/is-alive.ts';
import { unless } from '../../platform/system-error.ts';
import { uploadsFolder } from './blob-name.ts';
import { blobStoreError } from './blob-error.ts';

/** An upload that nobody has written to for so long is dead, whatever machine it came from. */
const staleAfterMs = 60 * 60 * 1000;

/**
 * Writes the body to a new temporary file of the bucket, down to the disk.
 *
 * @returns its path
 * @throws AppError `unavailable`/`blob_store_unavailable`, or what the body throws; the file is gone then
 */
export async function writeUpload(bucketPath: string, body: Readable | Uint8Array): Promise<string> {
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
    await writeBody(file, body);
    return path;
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeBody(file: FileHandle, body: Readable | Uint8Array): Promise<void> {
  try {
    if (body instanceof Uint8Array) await writeAll(file, body);
    else
      for await (const chunk of body as AsyncIterable<string | Uint8Array>) {
        await writeAll(file, typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      }
    await file.sync().catch(fail);
  } finally {
    await file.close().catch(fail);
  }
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
