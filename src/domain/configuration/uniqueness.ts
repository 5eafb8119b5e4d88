/** What must be unique over a whole list, and over all that lies in one bucket. */
import { authorityId } from '../federation/authority-id.ts';
import { pathText, type Fault, type PathPart } from './faults.ts';
import { keyFields, listNames, memberName, type ListName, type Member } from './lists.ts';

/** A member and where it stands in the file. */
export interface Entry<List extends ListName> {
  readonly path: readonly PathPart[];
  readonly member: Member<List>;
}

/** The members of all lists. */
export type Entries = { readonly [List in ListName]: readonly Entry<List>[] };

/** A value that may stand only once, and where it stands. */
interface Claim {
  readonly value: string;
  readonly path: string;
}

/** Faults of members that share what must be theirs alone. */
export function uniquenessFaults(entries: Entries): Fault[] {
  return [
    ...listNames.flatMap((list) => repeated(nameClaims(list, entries[list]))),
    ...repeated(entries.exports.map((entry) => rootClaim(entry, ''))),
    ...mirrorFaults(entries),
    ...repeated(entries.partners.map(identityClaim)),
  ];
}

/** A caller's token must name one partner. */
function identityClaim({ path, member: { identity } }: Entry<'partners'>): Claim {
  return { value: authorityId(identity), path: pathText([...path, 'identity', 'subject']) };
}

/** A mirror may use an export's root in another bucket only: both would write the same index. */
function mirrorFaults({ exports, mirrors }: Entries): Fault[] {
  const exportClaims = exports.map((entry) => rootClaim(entry, entry.member.bucket));
  const mirrorClaims = mirrors.map((entry) => rootClaim(entry, entry.member.bucket));
  const mirrorPaths = new Set(mirrorClaims.map(({ path }) => path));
  return repeated([...exportClaims, ...mirrorClaims]).filter(({ path }) => mirrorPaths.has(path));
}

function nameClaims<List extends ListName>(list: List, entries: readonly Entry<List>[]): Claim[] {
  return entries.map(({ path, member }) => ({
    value: memberName(list, member),
    path: pathText([...path, keyFields[list]]),
  }));
}

function rootClaim({ path, member }: Entry<'exports' | 'mirrors'>, bucket: string): Claim {
  return { value: `${bucket}\n${member.filenameRoot.toLowerCase()}`, path: pathText([...path, 'filenameRoot']) };
}

function repeated(claims: readonly Claim[]): Fault[] {
  const first = new Map<string, string>();
  return claims.flatMap(({ value, path }) => {
    const earlier = first.get(value);
    if (earlier === undefined) first.set(value, path);
    return earlier === undefined ? [] : [{ path, message: `is the same as ${earlier}; give it one of its own` }];
  });
}
