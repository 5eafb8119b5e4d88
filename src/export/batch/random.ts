/** Randomness as an argument. */
import { randomBytes, randomInt } from 'node:crypto';

/** Where padding gets its chance from. */
export interface RandomSource {
  /** Uniform in 0..limit-1. */
  below(limit: number): number;
  /** So many random bytes. */
  bytes(length: number): Buffer;
}

/** The operating system's. */
export const systemRandom: RandomSource = { below: (limit) => randomInt(limit), bytes: randomBytes };
