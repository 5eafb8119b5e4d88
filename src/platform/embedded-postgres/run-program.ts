/** Runs one of PostgreSQL's programs to its end. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { AppError } from '../../domain/errors.ts';
import type { Command } from './server-user.ts';

/** What all of the server's programs are given. */
export interface ProgramContext {
  /** Their working directory. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Nothing of our own environment, which may hold secrets or PG… settings, but what programs need to run at all. */
export function programEnvironment(libraries: Record<string, string>): NodeJS.ProcessEnv {
  const { PATH, SystemRoot } = process.env;
  return { PATH, ...(SystemRoot === undefined ? {} : { SystemRoot }), LC_ALL: 'C', TZ: 'UTC', ...libraries };
}

/**
 * Runs a program and returns what it printed.
 * @throws AppError `precondition` with the program's last line when it fails or cannot be started
 */
export async function runProgram(command: Command, context: ProgramContext): Promise<string> {
  const { file, args, ...user } = command;
  const child = spawn(file, args, {
    ...user,
    cwd: context.folder,
    env: context.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C in the terminal is for us alone.
    detached: true,
    windowsHide: true,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  try {
    const [code, output, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (code === 0) return output;
    throw new Error(complaints.trim().split('\n').at(-1) ?? '');
  } catch (cause) {
    throw programError(command, cause);
  }
}

function programError(command: Command, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : 'unknown reason';
  const cure =
    command.file === 'setpriv'
      ? 'As root, it needs setpriv (util-linux) and the capabilities SETUID, SETGID, SETPCAP and DAC_OVERRIDE, or a ' +
        'checkout and a data directory that every user can reach. Or start as an ordinary user, or set ENMESH_DATABASE_URL.'
      : 'Start as an ordinary user that can reach the checkout and the data directory, or set ENMESH_DATABASE_URL.';
  return new AppError(
    'precondition',
    'embedded_postgres_failed',
    `a program of the embedded PostgreSQL failed: ${reason}. ${cure}`,
    { cause },
  );
}
