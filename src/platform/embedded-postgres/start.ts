/** A real PostgreSQL for development and tests, from npm packages: no installation, no Docker. */
import { join, resolve } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { Running } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import { findBinaries, libraryEnvironment } from './binaries.ts';
import {
  databaseUser,
  makeData,
  makeDataDirectory,
  makeServerFolder,
  readOrMakePassword,
  type Cluster,
} from './cluster.ts';
import { takeOwnerLock } from './owner-lock.ts';
import { startServer, stopLeftOver, stopServer, type Postmaster } from './postmaster.ts';
import { programEnvironment } from './run-program.ts';
import { chooseServerUser } from './server-user.ts';

/** Where and how it runs. */
export interface EmbeddedPostgresOptions {
  /** Everything lies in its folder `postgres`. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** False: faster, but a crash of the machine may lose data. For tests. */
  readonly durable?: boolean;
}

/** A server that runs. */
export interface EmbeddedPostgres extends Running {
  /** With its password. */
  readonly url: string;
  /** Aborted, with an AppError as its reason, when the server ends although nobody stopped it. */
  readonly lost: AbortSignal;
}

/**
 * Starts a server on a free port of 127.0.0.1, after stopping one that a killed process left behind; what was committed
 * is there again. The process that starts it owns it: a second one on the same folder is refused while the first lives.
 * @throws AppError with cause and cure: `conflict` when the folder is in use, `precondition` for a folder of another
 * user, a missing package or a program that cannot run, `unavailable` when the server does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const isDurable = options.durable ?? true;
  const folder = join(resolve(options.dataDir), 'postgres');
  const binaries = findBinaries();
  await makeDataDirectory(resolve(options.dataDir));
  const user = await chooseServerUser(binaries, folder);
  await makeServerFolder(folder, user);
  const lock = await takeOwnerLock(join(folder, 'owner'));
  try {
    const passwordFile = join(folder, 'password');
    const cluster: Cluster = {
      binaries,
      user,
      context: { folder, env: programEnvironment(await libraryEnvironment(binaries, join(folder, 'libraries'))) },
      data: join(folder, 'data'),
      log: join(folder, 'server.log'),
      password: await readOrMakePassword(passwordFile, user),
    };
    await stopLeftOver(cluster);
    await makeData(cluster, passwordFile, isDurable);
    const postmaster = await startServer(cluster, isDurable);
    return running(cluster, postmaster, { logger: options.logger, release: lock.release });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function running(
  cluster: Cluster,
  { child, port }: Postmaster,
  { logger, release }: { logger: Logger; release: () => Promise<void> },
): EmbeddedPostgres {
  const lost = new AbortController();
  let stopping: Promise<void> | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      if (stopping === undefined) lost.abort(endedByItself(cluster));
      resolve();
    });
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      await stopServer(cluster);
      await ended;
    }
    await release();
  };
  logger.debug({ port }, 'the embedded PostgreSQL accepts connections');
  return {
    url: `postgresql://${databaseUser}:${cluster.password}@127.0.0.1:${String(port)}/postgres`,
    lost: lost.signal,
    stop: () => (stopping ??= stop()),
  };
}

function endedByItself({ log }: Cluster): AppError {
  return new AppError(
    'unavailable',
    'embedded_postgres_ended',
    `the embedded PostgreSQL ended by itself, see ${log}; start again: what was committed is there`,
  );
}
