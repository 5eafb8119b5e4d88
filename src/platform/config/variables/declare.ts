/** How one environment variable is declared. */
import type { Reader } from '../readers.ts';

/** One environment variable. */
export interface Variable<T> {
  readonly reader: Reader<T>;
  /** Text that the reader takes; absent = no default. */
  readonly fallback?: string;
  /** Names of the ecosystem that are read, in this order, where ours is not set. */
  readonly also?: readonly string[];
  /** Text that `enmesh dev` uses where nothing is set. */
  readonly dev?: string;
  /** One sentence for the documentation. */
  readonly doc: string;
}

/** A variable that always has a value: `fallback`, or `dev` in `enmesh dev`. */
export function variable<T>(reader: Reader<T>, doc: string, fallback: string, dev?: string): Variable<T> {
  return { reader, doc, fallback, ...(dev === undefined ? {} : { dev }) };
}

/** A variable that may have no value. */
export function optional<T>(reader: Reader<T>, doc: string, dev?: string): Variable<T | undefined> {
  return { reader, doc, ...(dev === undefined ? {} : { dev }) };
}
