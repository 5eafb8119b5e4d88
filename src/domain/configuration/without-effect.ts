/** What a configuration may say although this release does nothing with it: kept for a later one, and told. */
import type { Configuration, Export } from './configuration.ts';
import { fault, type Fault } from './faults.ts';

const keptOnly = 'is kept but has no effect in this release';

/** One line for each setting that does nothing yet; no reason to refuse the configuration. */
export function withoutEffect(configuration: Configuration): Fault[] {
  return [
    ...configuration.exports.flatMap(shiftWarnings),
    ...(['partners', 'mirrors', 'imports'] as const).flatMap((list) =>
      configuration[list].map((_member, index) => fault([list, index], keptOnly)),
    ),
  ];
}

function shiftWarnings({ shiftSeconds }: Export, index: number): Fault[] {
  if (shiftSeconds === null) return [];
  return [fault(['exports', index, 'shift'], `${keptOnly}: a small batch is padded at once`)];
}
