/** The lists of a configuration and what tells their members apart. */
import type { Configuration } from './configuration.ts';

/** Such as `exports`. */
export type ListName = keyof Configuration;

/** A member of a list. */
export type Member<List extends ListName> = Configuration[List][number];

/** Each after those that it refers to. */
export const listNames = [
  'healthAuthorities',
  'apps',
  'signingKeys',
  'exports',
  'partners',
  'mirrors',
  'imports',
] as const satisfies readonly ListName[];

/** Field that a list's members are matched by. */
export const keyFields = {
  healthAuthorities: 'issuer',
  apps: 'id',
  signingKeys: 'name',
  exports: 'name',
  partners: 'name',
  mirrors: 'name',
  imports: 'name',
} as const satisfies Record<ListName, string>;

/** A member's issuer, id or name. */
export function memberName<List extends ListName>(list: List, member: Member<List>): string {
  return (member as unknown as Record<string, string>)[keyFields[list]] ?? '';
}

/** Nothing configured. */
export const emptyConfiguration: Configuration = {
  healthAuthorities: [],
  apps: [],
  signingKeys: [],
  exports: [],
  partners: [],
  mirrors: [],
  imports: [],
};

/** True when no list has a member. */
export function isEmptyConfiguration(configuration: Configuration): boolean {
  return listNames.every((list) => configuration[list].length === 0);
}
