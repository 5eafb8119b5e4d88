/** What a member of a JSON body may hold: one declaration gives its reader and its JSON Schema. */
import { readBoolean, readInt32, readInt64, readObjects, readString, readStrings } from './json-members.ts';
import type { Declaration, ObjectType } from './json-members.ts';
import { schemaOf, type MemberSchema } from './schema.ts';

/** What is told of a member besides its type. */
export interface About {
  /** For the people who send it. */
  readonly description: string;
  /** Nothing is stored without it; to the reader, each member may be missing. */
  readonly isNeeded?: boolean;
}

/** What is told of a number: outside its bounds it is read, and refused later or taken for missing. */
export interface AboutNumber extends About {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A string. `set` is called with what was sent, not at all for null or a wrong type; so with all types below. */
export function string<Into>(about: About, set: (into: Into, value: string) => void): Declaration<Into> {
  return {
    ...declare(about, { type: ['string', 'null'] }),
    read: (decoding, into, path) => {
      const value = readString(decoding, path);
      if (value !== undefined) set(into, value);
    },
  };
}

/** True or false. */
export function boolean<Into>(about: About, set: (into: Into, value: boolean) => void): Declaration<Into> {
  return {
    ...declare(about, { type: ['boolean', 'null'] }),
    read: (decoding, into, path) => {
      const value = readBoolean(decoding, path);
      if (value !== undefined) set(into, value);
    },
  };
}

/** An integer of 32 bits. */
export function int32<Into>(about: AboutNumber, set: (into: Into, value: number) => void): Declaration<Into> {
  const { minimum = -2_147_483_648, maximum = 2_147_483_647 } = about;
  return {
    ...declare(about, { type: ['integer', 'null'], format: 'int32', minimum, maximum }),
    read: (decoding, into, path) => {
      const value = readInt32(decoding, path);
      if (value !== undefined) set(into, value);
    },
  };
}

/** An integer of 64 bits. */
export function int64<Into>(
  about: AboutNumber & Required<Pick<AboutNumber, 'minimum' | 'maximum'>>,
  set: (into: Into, value: bigint) => void,
): Declaration<Into> {
  const { minimum, maximum } = about;
  return {
    ...declare(about, { type: ['integer', 'null'], format: 'int64', minimum, maximum }),
    read: (decoding, into, path) => {
      const value = readInt64(decoding, path);
      if (value !== undefined) set(into, value);
    },
  };
}

/** A list of strings; null empties what `list` gives, and a second list replaces the first. */
export function strings<Into>(about: About, list: (into: Into) => string[]): Declaration<Into> {
  return {
    ...declare(about, { type: ['array', 'null'], items: { type: ['string', 'null'] } }),
    read: (decoding, into, path) => {
      readStrings(decoding, path, list(into));
    },
  };
}

/** A list of objects; null empties what `list` gives, and each element is read over the one in its place. */
export function objects<Into, Item>(
  about: About & { readonly item: ObjectType<Item> },
  list: (into: Into) => Item[],
): Declaration<Into> {
  const { item } = about;
  return {
    ...declare(about, { type: ['array', 'null'], items: schemaOf(item.members) }),
    read: (decoding, into) => {
      readObjects(decoding, list(into), item);
    },
  };
}

function declare({ description, isNeeded = false }: About, schema: MemberSchema): Omit<Declaration<never>, 'read'> {
  return { isNeeded, schema: { ...schema, description } };
}
