/** What a partner sends, as long as it is admitted: a stream on which nothing comes ends as well. */
import { setTimeout as wait } from 'node:timers/promises';

/** When to look again. */
export interface AdmissionWatch {
  /** Throws when the partner is no longer admitted. */
  check(): Promise<unknown>;
  /** How often, while nothing comes. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/** @throws what `check` throws; the signal's reason */
export async function* whileAdmitted<T>(
  source: AsyncIterable<T>,
  { check, everyMs, signal }: AdmissionWatch,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  for (;;) {
    const next = iterator.next();
    // It may fail when nobody waits for it any more.
    next.catch(() => undefined);
    let result = await within(next, everyMs, signal);
    while (result === 'late') {
      await check();
      result = await within(next, everyMs, signal);
    }
    if (result.done === true) return;
    yield result.value;
  }
}

/** @returns `late` when it takes longer; throws the signal's reason */
async function within<T>(next: Promise<T>, ms: number, signal: AbortSignal): Promise<T | 'late'> {
  signal.throwIfAborted();
  const isOver = new AbortController();
  const late = wait(ms, 'late' as const, { signal: AbortSignal.any([signal, isOver.signal]) });
  try {
    return await Promise.race([next, late]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    isOver.abort();
    late.catch(() => undefined);
  }
}
