/** Randomness as an argument. */
import { randomBytes, randomInt } from 'node:crypto';
import { KEY_LENGTH } from '../../domain/export-file/format.ts';

/** Where padding gets its chance from. */
export interface RandomSource {
  /** Uniform in 0..limit-1. */
  below(limit: number): number;
  /** A new exposure key. */
  key(): Buffer;
}

/** The operating system's. */
export const systemRandom: RandomSource = {
  below: (limit) => randomInt(limit),
  key: () => randomBytes(KEY_LENGTH),
};
