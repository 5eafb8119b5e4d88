/** `enmesh serve`: roles in this process until it is asked to stop. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { readValuesFor } from '../../platform/config/load-for-roles.ts';
import { ConfigurationError, type Values } from '../../platform/config/load.ts';
import { createLogger } from '../../platform/logger.ts';
import { isRole, roleNames, startRoles, type Role } from '../../roles.ts';
import type { Io } from '../io.ts';
import { stopInTime, unlessStopped, untilAborted } from './stop.ts';

/**
 * Starts the named roles, all when none is named, and stops them when asked to.
 * @returns the exit code
 * @throws ConfigurationError for unknown roles and an environment that cannot be used
 */
export async function runServe(names: readonly string[], io: Io): Promise<number> {
  const unknown = names.filter((name) => !isRole(name));
  if (unknown.length > 0) {
    throw new ConfigurationError([`there is no role ${unknown.join(', ')}; roles are ${roleNames.join(', ')}`]);
  }
  const { signal } = io;
  const roles = new Set<Role>(names.length === 0 ? roleNames : names.filter(isRole));
  const values = await readValuesFor(io.env, { roles, isDev: false });
  const configuration = roles.has('server') ? await configurationOf(values, io) : {};
  const logger = createLogger({ level: values.ENMESH_LOG_LEVEL, pretty: io.stdout.isTTY === true });
  const start = startRoles({ roles, values, logger, isDev: false, signal, ...configuration });
  const running = await unlessStopped(start, signal, { values, logger });
  if (typeof running === 'number') return running;
  logger.info({ roles: [...roles], addresses: running.addresses }, 'ready');
  await untilAborted(signal);
  return await stopInTime(running, values, logger);
}

async function configurationOf(values: Values, { env }: Io): Promise<{ configuration?: Configuration }> {
  const { ENMESH_CONFIG: path, ENMESH_DATA_DIR: dataDir } = values;
  if (path === undefined) return {};
  // Loaded when it is needed: reading a configuration takes more code than a role.
  const { readConfigurationFile } = await import('../configuration-file.ts');
  return { configuration: await readConfigurationFile(path, { env, dataDir }) };
}
