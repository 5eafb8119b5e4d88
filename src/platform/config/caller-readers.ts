/** Reads which callers have which roles. */
import { callerRole, callerRoles, type CallerRole } from '../../domain/caller-roles.ts';
import { pairs } from './readers.ts';

/** `NAME=ROLE` pairs separated by commas. What refuses names the roles and never the text, which may hold tokens. */
export function rolePairs(value: string): ReadonlyMap<string, CallerRole> {
  const entries = [...pairs(value)].map(([name, word]) => {
    const role = callerRole(word);
    if (role === undefined) throw new Error(`wants NAME=ROLE pairs with the roles ${callerRoles.join(', ')}`);
    return [name, role] as const;
  });
  return new Map(entries);
}
