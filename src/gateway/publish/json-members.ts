/** Members of a JSON object → fields of a value: matching of names, and one reader for each type a field may have. */
import type { JsonReader, Kind } from './json-reader.ts';

/** A body that is being read. */
export interface Decoding {
  readonly reader: JsonReader;
  /** The first value of a wrong type; it counts only when the whole body turns out to be JSON. */
  wrongType: string | undefined;
}

/** Reads the value that comes next into a field; `path` is what a fault is told by: canonical names, dotted. */
type ReadMember<Into> = (decoding: Decoding, into: Into, path: string) => void;

interface Member<Into> {
  readonly name: string;
  readonly path: string;
  readonly read: ReadMember<Into>;
}

/** What an object may hold: the members in the order in which phones mostly send them, and where each stands. */
export interface Members<Into> {
  readonly path: string;
  readonly inOrder: readonly Member<Into>[];
  readonly indexes: ReadonlyMap<string, number>;
  readonly longestName: number;
}

/** Declares an object's members. */
export function declareMembers<Into>(path: string, read: Readonly<Record<string, ReadMember<Into>>>): Members<Into> {
  const names = Object.keys(read);
  return {
    path,
    inOrder: Object.entries(read).map(([name, readMember]) => ({
      name,
      path: path === '' ? name : `${path}.${name}`,
      read: readMember,
    })),
    indexes: new Map(names.map((name, index) => [fold(name), index])),
    longestName: Math.max(...names.map((name) => name.length)),
  };
}

/** Unicode's simple case folding as far as it meets ASCII: U+212A is a k, U+017F an s (reference 1.4). */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

/** Reads an object into `into`; members that are not known are passed over, and null changes nothing. */
export function readObject<Into>(decoding: Decoding, members: Members<Into>, into: Into): void {
  const { reader } = decoding;
  const kind = reader.kind();
  if (kind !== 'object') {
    passOver(decoding, kind, members.path);
    return;
  }
  let likely = 0;
  for (let more = reader.enter(); more; more = reader.more('object')) {
    const index = nextMember(reader, members, likely);
    const member = members.inOrder[index];
    if (member) member.read(decoding, into, member.path);
    else reader.skip();
    likely = index + 1;
  }
}

/** Passes over a name; gives the index of its member, or -1. The one that mostly comes next is tried first, without making a string. */
function nextMember<Into>(reader: JsonReader, members: Members<Into>, likely: number): number {
  const guess = members.inOrder[likely];
  if (guess && reader.passName(guess.name)) return likely;
  const name = reader.name();
  return name.length > members.longestName ? -1 : (members.indexes.get(fold(name)) ?? -1);
}

/** Each of these reads the value that comes next, or keeps `before` where it is null or of a wrong type. */
export function readString(decoding: Decoding, path: string, before: string): string {
  const kind = decoding.reader.kind();
  if (kind === 'string') return decoding.reader.string();
  passOver(decoding, kind, path);
  return before;
}

export function readBoolean(decoding: Decoding, path: string, before: boolean): boolean {
  const kind = decoding.reader.kind();
  if (kind !== 'true' && kind !== 'false') {
    passOver(decoding, kind, path);
    return before;
  }
  decoding.reader.word(kind);
  return kind === 'true';
}

export function readInt32(decoding: Decoding, path: string, before: number): number {
  const written = readNumber(decoding, path);
  if (written === undefined) return before;
  const value = typeof written === 'number' ? written : Number(exactInteger(written));
  if (value === (value | 0)) return value;
  noteWrongType(decoding, path, decoding.reader.position);
  return before;
}

export function readInt64(decoding: Decoding, path: string, before: bigint): bigint {
  const written = readNumber(decoding, path);
  if (written === undefined) return before;
  const value = typeof written === 'number' ? BigInt(written) : exactInteger(written);
  if (value !== undefined && BigInt.asIntN(64, value) === value) return value;
  noteWrongType(decoding, path, decoding.reader.position);
  return before;
}

/** Reads a list: null empties it, and each element is read over the one that stood in its place `before`. */
export function readList<Item>(
  decoding: Decoding,
  before: Item[],
  item: { members: Members<Item>; empty(): Item },
): Item[] {
  const { reader } = decoding;
  const kind = reader.kind();
  if (kind !== 'array') {
    passOver(decoding, kind, item.members.path);
    return kind === 'null' ? [] : before;
  }
  const items: Item[] = [];
  for (let more = reader.enter(); more; more = reader.more('array')) {
    const element = before[items.length] ?? item.empty();
    readObject(decoding, item.members, element);
    items.push(element);
  }
  return items;
}

function readNumber(decoding: Decoding, path: string): number | string | undefined {
  const kind = decoding.reader.kind();
  if (kind === 'number') return decoding.reader.number();
  passOver(decoding, kind, path);
  return undefined;
}

/** Longest int64 as text: -9223372036854775808. */
const longestInteger = 20;

/** undefined for what has a fraction or an exponent, even where it stands for an integer. */
function exactInteger(written: string): bigint | undefined {
  return written.length <= longestInteger && /^-?\d+$/.test(written) ? BigInt(written) : undefined;
}

/** Passes over a value of another type than wanted, and notes it unless it is null. */
function passOver(decoding: Decoding, kind: Kind, path: string): void {
  const { reader } = decoding;
  const start = reader.position;
  reader.skip();
  if (kind === 'null') return;
  noteWrongType(decoding, path, kind === 'object' || kind === 'array' ? start + 1 : reader.position);
}

/** @param position of an object's or array's first byte, of the last byte of anything else; from 1 */
function noteWrongType(decoding: Decoding, path: string, position: number): void {
  decoding.wrongType ??= `invalid value "${path}" at position ${String(position)}`;
}
