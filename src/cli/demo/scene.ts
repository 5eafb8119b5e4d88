/** What every chapter of the story has before it. */
import type { Io } from '../io.ts';
import type { Authority } from './authorities.ts';
import type { Narrator } from './narrator.ts';

/** Two authorities that run, and who tells of them. */
export interface Scene {
  readonly io: Io;
  readonly narrator: Narrator;
  /** Aborted when the story must end. */
  readonly signal: AbortSignal;
  readonly aa: Authority;
  readonly bb: Authority;
}
