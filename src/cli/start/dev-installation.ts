/** An installation as developers run it: every role in this process, and what an operator would bring made on the spot. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { readValuesFor } from '../../platform/config/load-for-roles.ts';
import type { Values } from '../../platform/config/load.ts';
import { startEmbeddedPostgres } from '../../platform/embedded-postgres/start.ts';
import { Lifecycle, type Running } from '../../platform/lifecycle.ts';
import type { Logger } from '../../platform/logger.ts';
import { roleNames, startRoles, type RunningRoles } from '../../roles.ts';
import { readConfigurationFile } from '../configuration-file.ts';
import { withIdentity } from './identity.ts';
import { ensureAuthorityKeys, ensureRevisionTokenAad } from './sample-authority.ts';

const sampleConfiguration = fileURLToPath(new URL('../../../examples/authority.yaml', import.meta.url));
const roles = new Set(roleNames);

/** What runs, and of what it was made. */
export interface DevInstallation extends Running {
  readonly addresses: RunningRoles['addresses'];
  readonly values: Values;
  readonly configuration: Configuration;
  readonly dataDir: string;
  /** Aborted, with an AppError as its reason, when the embedded database ends by itself; undefined = it has another. */
  readonly databaseLost: AbortSignal | undefined;
}

/**
 * Reads the environment with development defaults.
 * @throws ConfigurationError with every fault
 */
export async function readDevValues(env: NodeJS.ProcessEnv): Promise<Values> {
  const provided = ['ENMESH_DATABASE_URL', 'ENMESH_REVISION_TOKEN_AAD'] as const;
  return await readValuesFor(env, { roles, isDev: true, provided });
}

/**
 * Makes what is missing in the data directory and starts every role; when something fails, nothing goes on.
 * @param env such as process.env, for references in the configuration file
 * @param given what {@link readDevValues} read
 */
export async function startDevInstallation(
  env: NodeJS.ProcessEnv,
  given: Values,
  logger: Logger,
): Promise<DevInstallation> {
  const dataDir = given.ENMESH_DATA_DIR ?? '.enmesh';
  const lifecycle = new Lifecycle();
  try {
    const { values, databaseLost } = await prepare(given, dataDir, { lifecycle, logger });
    const path = values.ENMESH_CONFIG ?? sampleConfiguration;
    const configuration = await readConfigurationFile(path, { env, dataDir });
    const { addresses } = lifecycle.add(await startRoles({ roles, values, logger, isDev: true, configuration }));
    const drain = (): void => lifecycle.drain();
    return { addresses, values, configuration, dataDir, databaseLost, drain, stop: () => lifecycle.stop() };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

/** What an installation has from its operator, and a laptop makes itself. */
async function prepare(
  given: Values,
  dataDir: string,
  { lifecycle, logger }: { lifecycle: Lifecycle; logger: Logger },
): Promise<{ values: Values; databaseLost: AbortSignal | undefined }> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await ensureAuthorityKeys(dataDir);
  const aad = given.ENMESH_REVISION_TOKEN_AAD ?? (await ensureRevisionTokenAad(dataDir));
  const values = { ...(await withIdentity(given)), ENMESH_REVISION_TOKEN_AAD: aad };
  if (given.ENMESH_DATABASE_URL !== undefined) return { values, databaseLost: undefined };
  const { url, lost } = lifecycle.add(await startEmbeddedPostgres({ dataDir, logger }));
  return { values: { ...values, ENMESH_DATABASE_URL: url }, databaseLost: lost };
}
