/** Keys on their way into a file: a struct of arrays, so that a million rows make no objects. */
import { KEY_LENGTH } from './format.ts';

/** Onset of a row that has none. */
export const NO_ONSET = -32768;

/**
 * Up to some thousands of rows; row i is entry i of every array.
 * The giver may use the same block again for the next rows: it is valid until the next one is asked for.
 */
export interface KeyBlock {
  /** Rows filled; the arrays may be longer. */
  count: number;
  /** 16 bytes a row. */
  readonly keys: Buffer;
  /** First interval (10 minutes since 1970). */
  readonly start: Int32Array;
  /** Intervals, 1..144. */
  readonly period: Int16Array;
  /** Transmission risk, 0..8. */
  readonly risk: Int8Array;
  /** 0 none, 1 confirmed, 2 likely, 3 user report, 5 negative. */
  readonly reportType: Int8Array;
  /** Days since onset, or {@link NO_ONSET}. */
  readonly onset: Int16Array;
}

/** An empty block with room for `capacity` rows. */
export function createKeyBlock(capacity: number): KeyBlock {
  return {
    count: 0,
    keys: Buffer.alloc(capacity * KEY_LENGTH),
    start: new Int32Array(capacity),
    period: new Int16Array(capacity),
    risk: new Int8Array(capacity),
    reportType: new Int8Array(capacity),
    onset: new Int16Array(capacity),
  };
}
