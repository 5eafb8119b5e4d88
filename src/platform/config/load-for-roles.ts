/** Environment → values that these roles can run with: all faults together, before anything is opened. */
import { faultsOf, type Role } from './check-values.ts';
import { ConfigurationError, readEnvironment, type Values } from './load.ts';
import { rootsFaults } from './root-files.ts';
import { tlsFaults } from './tls-files.ts';
import type { VariableName } from './variables.ts';

/** Who is going to run. */
export interface RunOptions {
  readonly roles: ReadonlySet<Role>;
  /** Development defaults come before the ordinary ones. */
  readonly isDev: boolean;
  /** Variables whose values the command makes where they are not set. */
  readonly provided?: readonly VariableName[];
}

/**
 * Reads all variables and checks them against each other, the roles and the PEM files that they name.
 * @throws ConfigurationError with every fault
 */
export async function readValuesFor(env: NodeJS.ProcessEnv, options: RunOptions): Promise<Values> {
  const { values, faults, unreadable } = await readEnvironment(env, options.isDev);
  const except = new Set([...unreadable, ...(options.provided ?? [])]);
  const all = [
    ...faults,
    ...faultsOf(values, options.roles, except),
    ...(await tlsFaults(values, options.roles, unreadable)),
    ...(await rootsFaults(values, options.roles, unreadable)),
  ];
  if (all.length > 0) throw new ConfigurationError(all);
  return values as Values;
}
