/** `enmesh serve`: roles in this process until it is asked to stop. */
import { ConfigurationError, readValues } from '../../platform/config/load.ts';
import { createLogger } from '../../platform/logger.ts';
import { isRole, roleNames, startRoles, type Role } from '../../roles.ts';
import type { Io } from '../io.ts';
import { stopWithin, untilAborted } from './stop.ts';

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
  const values = await readValues(io.env, false);
  const roles = new Set<Role>(names.length === 0 ? roleNames : names.filter(isRole));
  const logger = createLogger({ level: values.ENMESH_LOG_LEVEL, pretty: io.stdout.isTTY === true });
  const running = await startRoles({ roles, values, logger, isDev: false });
  logger.info({ roles: [...roles], addresses: running.addresses }, 'ready');
  await untilAborted(signal);
  return await stopWithin(running, values.ENMESH_STOP_TIMEOUT, logger);
}
