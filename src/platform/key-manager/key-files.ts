/** Keys as files: one folder a key, one file a version, written all or nothing, readable by their owner alone. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { hasCode } from '../system-error.ts';

/** What a key is for. */
export type KeyPurpose = 'signing' | 'encryption';

const keyName = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const versionName = /^v\d{8}T\d{9}Z$/;
const purposeFile = 'purpose';

/** Files of keys under one folder. Key names are checked by every method: AppError `invalid`/`invalid_key_name`. */
export class KeyFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Names of all keys, sorted. */
  async names(): Promise<string[]> {
    return (await entries(this.#dir)).filter((name) => keyName.test(name)).sort();
  }

  /** Null when there is no such key. */
  async purpose(name: string): Promise<KeyPurpose | null> {
    const bytes = await readPrivate(this.#path(name, purposeFile), `${name}/${purposeFile}`);
    if (bytes === null) return null;
    const purpose = Buffer.from(bytes).toString('utf8').trim();
    if (purpose === 'signing' || purpose === 'encryption') return purpose;
    throw new AppError(
      'precondition',
      'key_unusable',
      `the purpose of the key ${name} is neither signing nor encryption`,
    );
  }

  /** Versions, newest first; none when there is no such key. */
  async versions(name: string): Promise<string[]> {
    return (await entries(this.#path(name)))
      .filter((entry) => versionName.test(entry))
      .sort()
      .reverse();
  }

  /** Null when there is no such version. */
  async read(name: string, version: string): Promise<Uint8Array | null> {
    if (!versionName.test(version)) return null;
    return await readPrivate(this.#path(name, version), `${name}/${version}`);
  }

  /** Makes a key with its first version. False when it is there already: whoever came first has made it. */
  async create(name: string, purpose: KeyPurpose, version: { now: Date; content: Uint8Array }): Promise<boolean> {
    const path = this.#path(name);
    const draft = join(this.#dir, `.new-${randomUUID()}`);
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      await mkdir(draft, { mode: 0o700 });
      await writePrivate(join(draft, purposeFile), Buffer.from(`${purpose}\n`));
      await writePrivate(join(draft, versionAt(version.now)), version.content);
      await syncFolder(draft);
      await rename(draft, path);
      await syncFolder(this.#dir);
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'EPERM') && (await this.purpose(name)) !== null) return false;
      throw unavailable(error);
    } finally {
      await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Adds a version, newer than all others even where clocks differ, and gives its name. */
  async addVersion(name: string, version: { now: Date; content: Uint8Array }): Promise<string> {
    const path = this.#path(name);
    const draft = join(path, `.new-${randomUUID()}`);
    try {
      await writePrivate(draft, version.content);
      const added = await this.#linkAsNewest(name, draft, version.now);
      await syncFolder(path);
      return added;
    } catch (error) {
      throw error instanceof AppError ? error : unavailable(error);
    } finally {
      await unlink(draft).catch(() => undefined);
    }
  }

  async #linkAsNewest(name: string, draft: string, now: Date): Promise<string> {
    for (;;) {
      const [newest] = await this.versions(name);
      const earliest = newest === undefined ? 0 : timeOfVersion(newest).getTime() + 1;
      const version = versionAt(new Date(Math.max(now.getTime(), earliest)));
      try {
        await link(draft, this.#path(name, version));
        return version;
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
    }
  }

  #path(name: string, file = ''): string {
    if (!keyName.test(name)) {
      const wanted = 'up to 63 of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit';
      throw new AppError('invalid', 'invalid_key_name', `a key's name is ${wanted}`);
    }
    return join(this.#dir, name, file);
  }
}

/** `v20260131T235959000Z`: sorts by time. */
function versionAt(time: Date): string {
  return `v${time.toISOString().replace(/[-:.]/g, '')}`;
}

/** When a version was made. */
export function timeOfVersion(version: string): Date {
  return new Date(version.replace(/^v(....)(..)(..)T(..)(..)(..)(...)Z$/, '$1-$2-$3T$4:$5:$6.$7Z'));
}

async function entries(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw unavailable(error);
  }
}

/** Mode bits say who may read everywhere but on Windows. */
const canCheckMode = process.platform !== 'win32';

async function readPrivate(path: string, label: string): Promise<Uint8Array | null> {
  try {
    await using file = await open(path, 'r');
    if (canCheckMode && ((await file.stat()).mode & 0o077) !== 0) {
      const cure = 'take it away with `chmod 600`, and rotate the key if a stranger could have read it';
      throw new AppError(
        'precondition',
        'key_file_exposed',
        `others than its owner may use the key file ${label}: ${cure}`,
      );
    }
    return await file.readFile();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error instanceof AppError ? error : unavailable(error);
  }
}

async function writePrivate(path: string, content: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(content);
  await file.sync();
}

/** Makes new names in the folder durable; Windows does not open folders. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using folder = await open(path, 'r');
  await folder.sync();
}

function unavailable(cause: unknown): AppError {
  const message = 'the folder of the keys cannot be read or written; see the log for the cause';
  return new AppError('unavailable', 'key_manager_unavailable', message, { cause });
}
