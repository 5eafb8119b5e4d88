/** What one partner may take of one process: calls by the minute and streams at a time, so that it starves no other. */
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../domain/errors.ts';

/** How much is too much. */
export interface PartnerLimitSettings {
  /** Calls of one partner, of any method; 0 = any number. */
  readonly callsPerMinute: number;
  /** Streams of one partner at a time, of Subscribe and Push together. */
  readonly maxStreams: number;
}

/** Counts what partners take. Only partners that have proven who they are are counted, so that there are few. */
export interface PartnerLimits {
  /**
   * Waits for the partner's turn, when it has called too often, so that one who walks page by page is only slowed down.
   * @throws AppError exhausted `rate_limited` when so many of its calls wait that the turn would come too late
   */
  call(partnerId: number, signal: AbortSignal): Promise<void>;
  /**
   * Counts a stream until what is returned is disposed of: `using stream = limits.stream(id)`.
   * @throws AppError exhausted `too_many_streams`
   */
  stream(partnerId: number): Disposable;
}

const minuteMs = 60_000;
/** Deployed clients give a call 5 minutes (reference 5.3); whoever has so many calls waiting does not read page by page. */
const longestWaitMs = 10_000;

/** Makes the counters of one process. */
export function createPartnerLimits({ callsPerMinute, maxStreams }: PartnerLimitSettings): PartnerLimits {
  const turns = createTurns(callsPerMinute);
  const streams = new Map<number, number>();
  return {
    call: async (partnerId, signal) => {
      const waitMs = turns(partnerId);
      if (waitMs > longestWaitMs) throw rateLimited();
      if (waitMs > 0) await wait(waitMs, undefined, { signal });
    },
    stream: (partnerId) => {
      const open = streams.get(partnerId) ?? 0;
      if (open >= maxStreams) throw tooManyStreams();
      streams.set(partnerId, open + 1);
      return releaseOnce(() => {
        const left = (streams.get(partnerId) ?? 1) - 1;
        if (left === 0) streams.delete(partnerId);
        else streams.set(partnerId, left);
      });
    },
  };
}

/**
 * Spaces calls out: a minute's calls may come at once, then each has its turn when the minute has room for it.
 * @returns how many milliseconds until the turn of one more call of that partner; one that would wait too long has none
 */
function createTurns(callsPerMinute: number): (partnerId: number) => number {
  if (callsPerMinute === 0) return () => 0;
  const spacingMs = minuteMs / callsPerMinute;
  const nextTurns = new Map<number, number>();
  return (partnerId) => {
    const now = performance.now();
    const turn = Math.max(nextTurns.get(partnerId) ?? -Infinity, now - minuteMs + spacingMs);
    const waitMs = turn - now;
    if (waitMs <= longestWaitMs) nextTurns.set(partnerId, turn + spacingMs);
    return waitMs;
  };
}

function releaseOnce(release: () => void): Disposable {
  let isHeld = true;
  return {
    [Symbol.dispose]: () => {
      if (isHeld) release();
      isHeld = false;
    },
  };
}

function rateLimited(): AppError {
  return new AppError('exhausted', 'rate_limited', 'this partner calls too often; try again in a minute');
}

function tooManyStreams(): AppError {
  return new AppError('exhausted', 'too_many_streams', 'this partner has too many streams open; end one first');
}
