/** The server's data on disk: made once, whole or not at all, and owned by the user that the server runs as. */
import { randomBytes, randomUUID } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { Binaries } from './binaries.ts';
import { runProgram, type ProgramContext } from './run-program.ts';
import type { ServerUser } from './server-user.ts';

/** Name of the database's only user, who owns it. */
export const databaseUser = 'enmesh';

/** Everything that a server needs. */
export interface Cluster {
  readonly binaries: Binaries;
  readonly user: ServerUser;
  readonly context: ProgramContext;
  /** PostgreSQL's own data directory. */
  readonly data: string;
  readonly log: string;
  readonly password: string;
}

/** Makes the data directory that everything lies in. @throws AppError `precondition` when it cannot be written */
export async function makeDataDirectory(dataDir: string): Promise<void> {
  await writable(dataDir, async () => {
    await mkdir(dataDir, { recursive: true });
  });
}

/** Makes the server's folder. @throws AppError `precondition` when it belongs to another user */
export async function makeServerFolder(folder: string, user: ServerUser): Promise<void> {
  await writable(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (await isNotYetGiven(folder)) await giveTo(user, folder);
  });
  const owner = (await stat(folder)).uid;
  if (process.platform !== 'win32' && owner !== user.uid) throw wrongOwner(folder, owner);
}

/**
 * True if the folder is ours and empty: another start, which may be dead by now, made it and has not given it away.
 * Whatever lies in it was put there after it was given away, so that who finds something looks at the owner again.
 */
async function isNotYetGiven(folder: string): Promise<boolean> {
  return (await stat(folder)).uid === process.geteuid?.() && (await readdir(folder)).length === 0;
}

async function giveTo(user: ServerUser, path: string): Promise<void> {
  if (process.platform !== 'win32' && user.uid !== process.geteuid?.()) await chown(path, user.uid, user.gid);
}

async function writable(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new AppError(
      'precondition',
      'data_directory_not_writable',
      `${folder} cannot be made or written: it may belong to another user; start as that user, or set another ENMESH_DATA_DIR`,
      { cause },
    );
  }
}

function wrongOwner(folder: string, owner: number): AppError {
  return new AppError(
    'precondition',
    'data_directory_owner',
    `${folder} was made by another user (its owner is ${String(owner)}): start as the user that made it, or set another ENMESH_DATA_DIR`,
  );
}

/** The password of the database's user: made once, readable by the owner of the data alone. */
export async function readOrMakePassword(file: string, user: ServerUser): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept !== '') return kept;
  const made = randomBytes(24).toString('base64url');
  const partial = `${file}.${randomUUID()}`;
  await writeFile(partial, made, { mode: 0o600, flush: true });
  await giveTo(user, partial);
  await rename(partial, file);
  return made;
}

/**
 * Makes the data unless it is there. An initdb that was killed leaves its own folder only, which the next start removes.
 * @param passwordFile what {@link readOrMakePassword} made
 */
export async function makeData(cluster: Cluster, passwordFile: string, isDurable: boolean): Promise<void> {
  await removeUnfinished(cluster);
  if (await isMade(cluster)) return;
  const unfinished = `${cluster.data}.${randomUUID()}`;
  const args = [
    `--pgdata=${unfinished}`,
    `--username=${databaseUser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    // The password has 192 random bits: stretching it would only cost time at each connection.
    '--set=scram_iterations=1',
    isDurable ? '--data-checksums' : '--no-sync',
  ];
  await runProgram(cluster.user.command(cluster.binaries.initdb, args), cluster.context);
  await rename(unfinished, cluster.data);
}

async function removeUnfinished({ context }: Cluster): Promise<void> {
  for (const name of await readdir(context.folder)) {
    // Its initdb may still be running, and then it keeps on adding files: the next start tries again.
    if (name.startsWith('data.'))
      await rm(join(context.folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** True if the data is there and these programs can read it. */
async function isMade({ binaries, user, context, data }: Cluster): Promise<boolean> {
  const made = (await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (made === '') return false;
  const version = await runProgram(user.command(binaries.postgres, ['--version']), context);
  const ours = /(\d+)\./.exec(version)?.[1] ?? '';
  if (made === ours) return true;
  throw new AppError(
    'precondition',
    'embedded_postgres_version',
    `${data} was made by PostgreSQL ${made}, this is ${ours}: remove it, or set another ENMESH_DATA_DIR, or dump and restore it`,
  );
}
