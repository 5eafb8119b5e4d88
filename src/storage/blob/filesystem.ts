/** Blobs as files: `<folder>/<bucket>/<name>`; several processes may share the folder. */
import { link, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { platform } from 'node:process';
import type { Readable } from 'node:stream';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { hasCode, unless } from '../../platform/system-error.ts';
import { blobStoreError } from './blob-error.ts';
import { blobParts, checkBucket, uploadsFolder } from './blob-name.ts';
import type { BlobContent, BlobInfo, BlobName, BlobStore, PutOptions } from './blob-store.ts';
import { fileBody } from './file-body.ts';
import { removeDeadUploads, writeUpload } from './uploads.ts';

/** Nothing is there, or something that no blob's name goes through. */
const absentCodes = ['ENOENT', 'ENOTDIR'] as const;
/** A parent folder may vanish between making and using it, when another process deletes the last blob in it. */
const placeAttempts = 10;

/** Opens the store in `dir`, makes the folder and removes what killed processes left unfinished. */
export async function openFilesystemBlobStore(dir: string, clock: Clock = systemClock): Promise<BlobStore> {
  try {
    await mkdir(dir, { recursive: true });
    for (const bucket of await readdir(dir)) await removeDeadUploads(join(dir, bucket), clock);
  } catch (error) {
    throw blobStoreError(error);
  }
  return new FilesystemBlobStore(resolve(dir));
}

class FilesystemBlobStore implements BlobStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async put(blob: BlobName, content: BlobContent, options: PutOptions): Promise<'written' | 'exists'> {
    const target = this.#path(blob);
    if (options.onlyIfAbsent && (await this.stat(blob)) !== null) return 'exists';
    const upload = await writeUpload(join(this.#dir, blob.bucket), content);
    try {
      return await this.#place(upload, target, options.onlyIfAbsent);
    } catch (error) {
      await rm(upload, { force: true }).catch(() => undefined);
      throw blobStoreError(error);
    }
  }

  async stat(blob: BlobName): Promise<BlobInfo | null> {
    const path = this.#path(blob);
    return await faults(async () => {
      const stats = await unless(absentCodes, null, stat(path, { bigint: true }));
      return stats?.isFile() === true ? blobInfo(stats) : null;
    });
  }

  async read(
    blob: BlobName,
    range: { readonly offset: number; readonly length: number } = { offset: 0, length: 0 },
  ): Promise<{ readonly info: BlobInfo; readonly body: Readable } | null> {
    const path = this.#path(blob);
    return await faults(async () => {
      const file = await unless(absentCodes, null, open(path, 'r'));
      if (file === null) return null;
      const stats = await file.stat({ bigint: true });
      if (!stats.isFile()) {
        await file.close();
        return null;
      }
      const info = blobInfo(stats);
      const end = range.length === 0 ? info.size : Math.min(info.size, range.offset + range.length);
      return { info, body: fileBody(file, range.offset, end) };
    });
  }

  async *list(bucket: string, prefix: string): AsyncGenerator<string> {
    checkBucket(bucket);
    try {
      yield* walk(join(this.#dir, bucket), '', prefix);
    } catch (error) {
      throw blobStoreError(error);
    }
  }

  async delete(blob: BlobName): Promise<void> {
    const path = this.#path(blob);
    await faults(async () => {
      await unless([...absentCodes, 'EISDIR'], undefined, unlink(path));
      for (
        let depth = blobParts(blob).length - 1, folder = dirname(path);
        depth > 0;
        depth--, folder = dirname(folder)
      ) {
        if ((await unless(['ENOTEMPTY', 'EEXIST', ...absentCodes], 'stays', rmdir(folder))) === 'stays') return;
      }
    });
  }

  /** Gives the upload its name in one step: a reader sees all of it or nothing. */
  async #place(upload: string, target: string, onlyIfAbsent: boolean): Promise<'written' | 'exists'> {
    const folder = dirname(target);
    for (let attempt = 1; ; attempt++) {
      await mkdir(folder, { recursive: true });
      try {
        if (onlyIfAbsent) await link(upload, target);
        else await rename(upload, target);
        break;
      } catch (error) {
        if (hasCode(error, 'EEXIST')) {
          await unlink(upload);
          return 'exists';
        }
        if (!hasCode(error, 'ENOENT') || attempt === placeAttempts) throw error;
      }
    }
    if (onlyIfAbsent) await unlink(upload);
    for (let above = folder; above.length >= this.#dir.length; above = dirname(above)) await syncFolder(above);
    return 'written';
  }

  #path(blob: BlobName): string {
    return join(this.#dir, blob.bucket, ...blobParts(blob));
  }
}

/** A new file has a new inode, so even two writes within one tick of the file system's clock differ. */
function blobInfo(stats: BigIntStats): BlobInfo {
  const etag = [stats.size, stats.mtimeNs, stats.ino].map((number) => number.toString(36)).join('-');
  return { size: Number(stats.size), etag };
}

/** Names below `folder` that begin with `prefix`, in byte order of the whole names, as object stores list them. */
async function* walk(folder: string, above: string, prefix: string): AsyncGenerator<string> {
  const entries = await unless(absentCodes, [], readdir(folder, { withFileTypes: true }));
  const names = entries.map((entry) => `${above}${entry.name}${entry.isDirectory() ? '/' : ''}`).toSorted(byBytes);
  for (const name of names) {
    const isFolder = name.endsWith('/');
    if (name === `${uploadsFolder}/`) continue;
    if (!isFolder && name.startsWith(prefix)) yield name;
    if (isFolder && (name.startsWith(prefix) || prefix.startsWith(name))) {
      yield* walk(join(folder, name.slice(above.length)), name, prefix);
    }
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Makes a new name in the folder survive a power cut; Windows can't, and needn't. */
async function syncFolder(path: string): Promise<void> {
  if (platform === 'win32') return;
  const folder = await unless(absentCodes, null, open(path, 'r'));
  if (folder === null) return;
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function faults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw blobStoreError(error);
  }
}
