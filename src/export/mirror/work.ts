/** One run on one mirror, as its steps share it. */
import { AppError } from '../../domain/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { LeasedMirror, MirrorHolder } from '../../storage/mirrors/mirrors.ts';

/** How to run. */
export interface MirrorRunOptions {
  /** Ends the work; the mirror is given back at once. */
  readonly signal: AbortSignal;
  /** Try even what failed a moment ago. */
  readonly ignoreBackOff: boolean;
  /** No file is begun later than so long after the index was read; the next run goes on. Unlimited when not given. */
  readonly copyLimitMs?: number;
}

/** A mirror that is ours for now. */
export interface MirrorWork extends MirrorRunOptions {
  readonly mirror: LeasedMirror;
  readonly holder: MirrorHolder;
  readonly log: Logger;
}

/** Everything not yet written down is left to whoever has it. */
export function mirrorLost(): AppError {
  return new AppError('conflict', 'lease_lost', 'another worker has taken the mirror over, or it was configured anew');
}
