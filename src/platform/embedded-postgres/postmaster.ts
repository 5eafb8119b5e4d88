/** The server process: how it is found, stopped and started. */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../domain/errors.ts';
import type { Cluster } from './cluster.ts';
import { isAlive } from '../is-alive.ts';
import { runProgram } from './run-program.ts';

/** A server that accepts connections on 127.0.0.1. */
export interface Postmaster {
  readonly child: ChildProcess;
  readonly port: number;
}

const attempts = 10;
const readyTimeoutMs = 120_000;
const maxLogBytes = 10_000_000;

/** Stops the server that an earlier process of ours left behind when it was killed. */
export async function stopLeftOver(cluster: Cluster): Promise<void> {
  const pid = (await readPostmasterFile(cluster))?.pid;
  if (pid === undefined) return;
  const isRunning = async () => isAlive(pid) && (await isServerOf(pid, cluster));
  try {
    if (await isRunning()) {
      await stopServer(cluster);
      return;
    }
  } catch (error) {
    // A server that was killed as well may end just now, without taking its file along.
    if (await isRunning()) throw error;
  }
  // The id may belong to somebody else by now, whom PostgreSQL would take for a running server.
  await rm(join(cluster.data, 'postmaster.pid'), { force: true });
}

/** Fast shutdown: running statements are cancelled, everything committed is on disk. */
export async function stopServer({ binaries, user, context, data }: Cluster): Promise<void> {
  const args = ['stop', `--pgdata=${data}`, '--mode=fast', '--wait', '--timeout=60', '--silent'];
  await runProgram(user.command(binaries.pgCtl, args), context);
}

/** Starts the server and waits until it accepts connections. */
export async function startServer(cluster: Cluster, isDurable: boolean): Promise<Postmaster> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const logged = await logSize(cluster);
    const child = await spawnServer(cluster, port, isDurable);
    if (await isReady(cluster, child)) return { child, port };
    const log = (await readFile(cluster.log, 'utf8')).slice(logged);
    // The port may have been taken since, and processes of a killed server may need a moment to end.
    if (attempt === attempts || !/in use|being used/.test(log)) throw notStarted(cluster, log);
    await wait(500);
  }
}

function notStarted(cluster: Cluster, log: string): AppError {
  const fatal = /FATAL: +(.*)/.exec(log)?.[1] ?? 'it ended at once';
  return new AppError(
    'unavailable',
    'embedded_postgres_failed',
    `the embedded PostgreSQL did not start: ${fatal}; see ${cluster.log}`,
  );
}

async function spawnServer(cluster: Cluster, port: number, isDurable: boolean): Promise<ChildProcess> {
  const { file, args, ...user } = cluster.user.command(cluster.binaries.postgres, [
    ...['-D', cluster.data, '-p', String(port)],
    ...[...settings, ...(isDurable ? [] : forgetful)].flatMap((setting) => ['-c', setting]),
  ]);
  const log = await open(cluster.log, (await logSize(cluster)) > maxLogBytes ? 'w' : 'a', 0o600);
  try {
    const child = spawn(file, args, {
      ...user,
      cwd: cluster.context.folder,
      env: cluster.context.env,
      stdio: ['ignore', log.fd, log.fd],
      // A session of its own: Ctrl-C in the terminal must not stop it before what uses it.
      detached: true,
      windowsHide: true,
    });
    // What went wrong stands in exitCode and in the log.
    child.on('error', () => undefined);
    return child;
  } finally {
    await log.close();
  }
}

/** No statement, parameter or DETAIL line reaches the log: they may hold keys. Errors go to the client, not to the log. */
const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'shared_buffers=128MB',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_min_messages=log',
  'log_min_error_statement=panic',
  'log_error_verbosity=terse',
  'log_statement=none',
  'log_min_duration_statement=-1',
  'log_parameter_max_length=0',
  'log_parameter_max_length_on_error=0',
  'log_checkpoints=off',
  'jit=off',
];

const forgetful = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

async function isReady(cluster: Cluster, child: ChildProcess): Promise<boolean> {
  const signal = AbortSignal.timeout(readyTimeoutMs);
  while (!signal.aborted && child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const found = await readPostmasterFile(cluster);
    if (found?.pid === child.pid && found.status === 'ready') return true;
    await wait(20);
  }
  child.kill('SIGKILL');
  return false;
}

/** Lines 1 and 8 of postmaster.pid: the process and what it is about. */
async function readPostmasterFile({ data }: Cluster): Promise<{ pid: number; status: string } | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  return Number.isSafeInteger(pid) && pid > 0 ? { pid, status: lines[7]?.trim() ?? '' } : undefined;
}

/** Process ids are used again, so the process must name our data in its arguments, where the system tells. */
async function isServerOf(pid: number, { data }: Cluster): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const args = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
  return args.split('\0').includes(data);
}

async function logSize({ log }: Cluster): Promise<number> {
  return await stat(log).then(
    ({ size }) => size,
    () => 0,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
