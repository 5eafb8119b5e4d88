/** Who PostgreSQL runs as: it refuses to be root, so under root it gets another user. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { Binaries } from './binaries.ts';

/** A command, and whom Node is to run it as. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** The user that owns the server's files and runs its programs. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  /** The command that runs `file` as this user. */
  command(file: string, args: readonly string[]): Command;
}

/** `nobody`, on every Linux that the binaries run on. */
const nobody = 65_534;

/**
 * Gives up root for `nobody`, but keeps the right to pass through folders closed to others, such as /root, where the
 * checkout or the data may lie. `no_setuid_fixup`: else access(2), by which PostgreSQL finds its programs, forgets that
 * right.
 */
const setpriv = [
  `--reuid=${String(nobody)}`,
  `--regid=${String(nobody)}`,
  '--clear-groups',
  '--securebits=+no_setuid_fixup',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
  '--',
];

/**
 * Ourselves, or `nobody` where we are root.
 * @param folder the server's data
 */
export async function chooseServerUser(binaries: Binaries, folder: string): Promise<ServerUser> {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  if (uid !== 0 || process.platform === 'win32') return { uid, gid, command: (file, args) => ({ file, args }) };
  if (process.platform !== 'linux') {
    throw new AppError(
      'precondition',
      'embedded_postgres_root',
      'PostgreSQL does not run as root: start as an ordinary user, or set ENMESH_DATABASE_URL',
    );
  }
  const paths = [dirname(folder), binaries.postgres, join(binaries.folder, 'share', 'postgresql', 'postgres.bki')];
  const isOpen = (await Promise.all(paths.map(isOpenToOthers))).every((open) => open);
  return {
    uid: nobody,
    gid: nobody,
    command: (file, args) =>
      isOpen ? { file, args, uid: nobody, gid: nobody } : { file: 'setpriv', args: [...setpriv, file, ...args] },
  };
}

/** True if any user can read the file, or pass through the folder, at the end of a path. */
async function isOpenToOthers(path: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at);
    const wanted = found.isDirectory() ? 0o001 : 0o004;
    if ((found.mode & wanted) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
