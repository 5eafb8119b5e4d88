/** What a starting installation does with its configuration file. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { isEmptyConfiguration } from '../../domain/configuration/lists.ts';
import { readConfiguration } from '../../storage/configuration/read-configuration.ts';
import { applyConfiguration, type AdminDeps } from './apply-configuration.ts';

const actor = 'start';

/**
 * Applies the file wherever nothing is configured yet. Elsewhere the configuration in force is the operators' and
 * only a difference is told.
 * @param options.always apply it there too: development
 * @throws AppError `invalid`/`invalid_configuration` with every fault
 */
export async function applyAtStart(
  deps: AdminDeps,
  wanted: Configuration,
  options: { readonly always: boolean },
): Promise<void> {
  const dryRun = !options.always && !isEmptyConfiguration(await readConfiguration(deps.database));
  const { changes, warnings } = await applyConfiguration(deps, wanted, { prune: false, dryRun, actor });
  if (warnings.length > 0) deps.logger.warn({ warnings }, 'ENMESH_CONFIG is worth a look');
  if (!dryRun || changes.length === 0) return;
  deps.logger.warn(
    { differing: changes.map(({ list, name }) => `${list}/${name}`) },
    'the configuration in force differs from ENMESH_CONFIG, which is only applied to an empty database; `enmesh apply` brings it about',
  );
}
