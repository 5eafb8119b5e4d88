/** What a configuration may say although this release does nothing with it: kept for a later one, and told. */
import type { Configuration } from './configuration.ts';
import { fault, type Fault } from './faults.ts';

const keptOnly = 'is kept but has no effect in this release';

/** One line for each setting that does nothing yet; no reason to refuse the configuration. */
export function withoutEffect(configuration: Configuration): Fault[] {
  return [
    ...(['partners'] as const).flatMap((list) =>
      configuration[list].map((_member, index) => fault([list, index], keptOnly)),
    ),
  ];
}
