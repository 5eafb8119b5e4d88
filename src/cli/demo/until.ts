/** Waiting for something that happens elsewhere. */
import { setTimeout as wait } from 'node:timers/promises';

const pollMs = 250;

/**
 * Looks again and again until something is found.
 * @throws what `look` throws; the signal's reason when it is aborted
 */
export async function until<T>(look: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    await wait(pollMs, undefined, { signal });
  }
}
