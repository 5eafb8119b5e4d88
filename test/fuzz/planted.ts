/** A decoder with a fault that chance alone does not find: the fuzzer is tested with it. */
import { readPlanted } from './planted-decoder.ts';
import type { Target } from './explore.ts';

/** Never part of `all`. */
export const planted: Target = { name: 'planted', seeds: [], run: readPlanted };
