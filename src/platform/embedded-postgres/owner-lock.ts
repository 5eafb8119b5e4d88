/** At most one process of ours works on a folder: a file that names it. */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { AppError } from '../../domain/errors.ts';
import { isAlive } from '../is-alive.ts';
import { hasCode } from '../system-error.ts';

/** A lock that is held. */
export interface OwnerLock {
  release(): Promise<void>;
}

/**
 * Takes the lock, also from an owner that died without giving it back.
 * @param path the lock's file
 * @throws AppError `conflict`, naming the process, while its owner lives
 */
export async function takeOwnerLock(path: string): Promise<OwnerLock> {
  const identity = await processIdentity(process.pid);
  const mine = `${path}.${randomUUID()}`;
  await writeFile(mine, identity, { mode: 0o644 });
  try {
    for (;;) {
      if (await linkTo(mine, path)) return { release: () => rm(path, { force: true }) };
      await removeDead(path);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** A link is made at once or not at all, so only one of several processes gets it. */
async function linkTo(mine: string, path: string): Promise<boolean> {
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function removeDead(path: string): Promise<void> {
  const owner = await readFile(path, 'utf8').catch(() => undefined);
  if (owner === undefined) return;
  await refuseLiving(owner);
  // Another process may have taken the lock since it was read: what was moved away tells, and is put back then.
  const moved = `${path}.${randomUUID()}`;
  await rename(path, moved).catch(() => undefined);
  const was = await readFile(moved, 'utf8').catch(() => undefined);
  if (was !== undefined && was !== owner) await linkTo(moved, path);
  await rm(moved, { force: true });
}

async function refuseLiving(owner: string): Promise<void> {
  const pid = Number(owner.split(' ')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid) || (await processIdentity(pid)) !== owner) return;
  throw new AppError(
    'conflict',
    'data_directory_in_use',
    `process ${String(pid)} uses this data directory: stop it, or set another ENMESH_DATA_DIR`,
  );
}

/** Process id and, where the system tells, its start: ids are used again, and in containers they often are. */
async function processIdentity(pid: number): Promise<string> {
  if (process.platform !== 'linux') return String(pid);
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  // Field 22 of proc(5); the second, in brackets, may hold blanks.
  const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return `${String(pid)} ${boot.trim()} ${startedAt}`;
}
