/** The environment: can it be read, and which database does it mean? */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError, readValues, type Values } from '../../platform/config/load.ts';
import { databaseUser } from '../../platform/embedded-postgres/cluster.ts';
import type { Io } from '../io.ts';
import { withIdentity } from '../start/identity.ts';
import { failed, ok, type Finding } from './finding.ts';

/** The installation that the environment describes. */
export interface Installation {
  readonly values: Values;
  /** Undefined = there is none. */
  readonly databaseUrl: string | undefined;
  /** For migrations: the same unless the other is a pooler. */
  readonly directUrl: string | undefined;
  /** What `enmesh dev` runs: development defaults count. */
  readonly isDev: boolean;
}

/**
 * Reads the environment. Without ENMESH_DATABASE_URL, a running `enmesh dev` with this data directory is meant.
 * @param dev development defaults count in any case
 */
export async function checkEnvironment(
  io: Io,
  dev: boolean,
): Promise<{ readonly findings: readonly Finding[]; readonly installation?: Installation }> {
  try {
    const given = await readValues(io.env, dev);
    const embedded =
      given.ENMESH_DATABASE_URL === undefined ? await embeddedUrl(given.ENMESH_DATA_DIR ?? '.enmesh') : undefined;
    const isDev = dev || embedded !== undefined;
    const values = isDev ? await withIdentity(await readValues(io.env, true)) : given;
    const databaseUrl = given.ENMESH_DATABASE_URL ?? embedded;
    const directUrl = given.ENMESH_DATABASE_DIRECT_URL ?? databaseUrl;
    const message = isDev ? 'every variable can be read; development defaults count' : 'every variable can be read';
    return { findings: [ok('environment', message)], installation: { values, databaseUrl, directUrl, isDev } };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { findings: error.faults.map((fault) => failed('environment', fault, 'correct or unset the variable')) };
  }
}

/** URL of the embedded server that runs under a data directory. Lines 1 and 4 of postmaster.pid: process, port. */
async function embeddedUrl(dataDir: string): Promise<string | undefined> {
  const folder = join(dataDir, 'postgres');
  try {
    const [pid, , , port] = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 0);
    const password = await readFile(join(folder, 'password'), 'utf8');
    return `postgresql://${databaseUser}:${password}@127.0.0.1:${port ?? ''}/postgres`;
  } catch {
    return undefined;
  }
}
