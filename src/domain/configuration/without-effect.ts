/** What a configuration may say although this release does nothing with it: kept for a later one, and told. */
import type { Configuration, Export, HealthAuthority } from './configuration.ts';
import { fault, type Fault } from './faults.ts';

const keptOnly = 'is kept but has no effect in this release';

/** One line for each setting that does nothing yet; no reason to refuse the configuration. */
export function withoutEffect(configuration: Configuration): Fault[] {
  return [
    ...configuration.healthAuthorities.flatMap(jwksWarnings),
    ...configuration.exports.flatMap(shiftWarnings),
    ...(['partners', 'mirrors', 'imports'] as const).flatMap((list) =>
      configuration[list].map((_member, index) => fault([list, index], keptOnly)),
    ),
  ];
}

function jwksWarnings({ jwksUri, keys }: HealthAuthority, index: number): Fault[] {
  if (jwksUri === null) return [];
  const meaning =
    keys.length > 0
      ? `${keptOnly}: only the keys of this file verify certificates`
      : `${keptOnly}: without keys of this file no certificate of this authority can be verified yet`;
  return [fault(['healthAuthorities', index, 'jwksUri'], meaning)];
}

function shiftWarnings({ shiftSeconds }: Export, index: number): Fault[] {
  if (shiftSeconds === null) return [];
  return [fault(['exports', index, 'shift'], `${keptOnly}: a small batch is padded at once`)];
}
