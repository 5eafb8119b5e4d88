/** What must change so that the current configuration becomes the wanted one. */
import { canonicalFields } from './canonical.ts';
import type { Configuration } from './configuration.ts';
import { listNames, memberName, type ListName, type Member } from './lists.ts';
import { unnamed } from './references.ts';

/** What happens to a member. */
export type ChangeAction = 'create' | 'update' | 'delete';

/** One field that differs, in JSON; undefined = it was, or will be, not there. */
export interface FieldChange {
  /** Within the member, such as `keys[v1].thru`. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A change of one list's member. */
export interface ListChange<List extends ListName> {
  readonly action: ChangeAction;
  readonly list: List;
  /** Its issuer, id or name. */
  readonly name: string;
  /** As it shall be; for a deletion, as it was. */
  readonly member: Member<List>;
  /** None for a deletion. */
  readonly fields: readonly FieldChange[];
}

/** A change of one member of any list. */
export type Change = { [List in ListName]: ListChange<List> }[ListName];

/** Lists that others refer to: their members go last, after those who named them. */
const referredTo: readonly ListName[] = ['signingKeys', 'healthAuthorities'];

/**
 * Changes in an order in which every reference holds at each step. Applied, they leave nothing to change.
 * @param options.prune also delete what the wanted configuration does not name
 */
export function diff(current: Configuration, wanted: Configuration, options: { readonly prune: boolean }): Change[] {
  const surplus = options.prune ? unnamed(wanted, current) : undefined;
  const deletions = (lists: readonly ListName[]) =>
    surplus === undefined ? [] : lists.flatMap((list) => deleted(list, surplus[list]));
  return [
    ...deletions(listNames.filter((list) => !referredTo.includes(list))),
    ...listNames.flatMap((list) => changed(list, current[list], wanted[list])),
    ...deletions(referredTo),
  ] as Change[];
}

function deleted<List extends ListName>(list: List, members: readonly Member<List>[]): ListChange<List>[] {
  return members.map((member) => ({ action: 'delete', list, name: memberName(list, member), member, fields: [] }));
}

function changed<List extends ListName>(
  list: List,
  current: readonly Member<List>[],
  wanted: readonly Member<List>[],
): ListChange<List>[] {
  const before = new Map(current.map((member) => [memberName(list, member), member]));
  return wanted.flatMap((member) => {
    const name = memberName(list, member);
    const old = before.get(name);
    const fields = fieldChanges(old, member);
    if (fields.length === 0) return [];
    return [{ action: old === undefined ? ('create' as const) : ('update' as const), list, name, member, fields }];
  });
}

function fieldChanges(before: object | undefined, after: object): FieldChange[] {
  const old = before === undefined ? new Map<string, string>() : canonicalFields(before);
  const wanted = canonicalFields(after);
  return [...new Set([...old.keys(), ...wanted.keys()])]
    .map((path) => ({ path, before: old.get(path), after: wanted.get(path) }))
    .filter((change) => change.before !== change.after);
}
