/** Members of a JSON object → fields of a value: matching of names, and one reader for each type a field may have. */
import type { JsonReader, Kind } from './json-reader.ts';
import type { MemberSchema } from './schema.ts';

/** A body that is being read. */
export interface Decoding {
  readonly reader: JsonReader;
  /** The first value of a wrong type; it counts only when the whole body turns out to be JSON. */
  wrongType: string | undefined;
}

/** Reads the value that comes next into a field; `path` is what a fault is told by: canonical names, dotted. */
type ReadMember<Into> = (decoding: Decoding, into: Into, path: string) => void;

/** What a member is: made by the functions of member-types.ts, so that reader and schema agree. */
export interface Declaration<Into> {
  readonly read: ReadMember<Into>;
  readonly schema: MemberSchema;
  /** Nothing is stored without it; to the reader, each member may be missing. */
  readonly isNeeded: boolean;
}

interface Member<Into> extends Declaration<Into> {
  readonly name: string;
  readonly path: string;
}

/** What an object may hold: the members in the order in which phones mostly send them, and where each stands. */
export interface Members<Into> {
  readonly path: string;
  readonly inOrder: readonly Member<Into>[];
  readonly indexes: ReadonlyMap<string, number>;
  readonly longestName: number;
}

/** An object's members, and the value that they are read into. */
export interface ObjectType<Value> {
  readonly members: Members<Value>;
  empty(): Value;
}

/** Declares an object's members. */
export function declareMembers<Into>(
  path: string,
  declared: Readonly<Record<string, Declaration<Into>>>,
): Members<Into> {
  const names = Object.keys(declared);
  return {
    path,
    inOrder: Object.entries(declared).map(([name, { read, schema, isNeeded }]) => ({
      name,
      path: path === '' ? name : `${path}.${name}`,
      read,
      schema,
      isNeeded,
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

/** Each of these reads the value that comes next; undefined where it is null or of a wrong type. */
export function readString(decoding: Decoding, path: string): string | undefined {
  const kind = decoding.reader.kind();
  if (kind === 'string') return decoding.reader.string();
  passOver(decoding, kind, path);
  return undefined;
}

export function readBoolean(decoding: Decoding, path: string): boolean | undefined {
  const kind = decoding.reader.kind();
  if (kind !== 'true' && kind !== 'false') {
    passOver(decoding, kind, path);
    return undefined;
  }
  decoding.reader.word(kind);
  return kind === 'true';
}

export function readInt32(decoding: Decoding, path: string): number | undefined {
  const written = readNumber(decoding, path);
  if (written === undefined) return undefined;
  const value = typeof written === 'number' ? written : Number(exactInteger(written));
  if (value === (value | 0)) return value;
  noteWrongType(decoding, path, decoding.reader.position);
  return undefined;
}

export function readInt64(decoding: Decoding, path: string): bigint | undefined {
  const written = readNumber(decoding, path);
  if (written === undefined) return undefined;
  const value = typeof written === 'number' ? BigInt(written) : exactInteger(written);
  if (value !== undefined && BigInt.asIntN(64, value) === value) return value;
  noteWrongType(decoding, path, decoding.reader.position);
  return undefined;
}

/** Reads a list into `into`: null empties it, and each object is read over the one that stood in its place. */
export function readObjects<Item>(decoding: Decoding, into: Item[], item: ObjectType<Item>): void {
  readList(decoding, item.members.path, into, (index) => {
    const element = into[index] ?? item.empty();
    readObject(decoding, item.members, element);
    return element;
  });
}

/** Reads a list into `into`: null empties it, and an element that is null keeps what stood in its place. */
export function readStrings(decoding: Decoding, path: string, into: string[]): void {
  readList(decoding, path, into, (index) => readString(decoding, path) ?? into[index] ?? '');
}

function readList<Item>(decoding: Decoding, path: string, into: Item[], readItem: (index: number) => Item): void {
  const { reader } = decoding;
  const kind = reader.kind();
  if (kind !== 'array') {
    passOver(decoding, kind, path);
    if (kind === 'null') into.length = 0;
    return;
  }
  let length = 0;
  for (let more = reader.enter(); more; more = reader.more('array')) {
    into[length] = readItem(length);
    length++;
  }
  into.length = length;
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
