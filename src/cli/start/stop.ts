/** How a process that runs roles ends. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Values } from '../../platform/config/load.ts';
import type { Running } from '../../platform/lifecycle.ts';
import type { Logger } from '../../platform/logger.ts';

/** What waits for the network gets one look more, even where no drain is wanted: connections that were made before. */
const leastDrainMs = 20;
/** What a process that could not stop gets to write its last lines. */
const lastWordsMs = 200;

/** Resolves when the signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // A timer keeps the process alive even where nothing else would.
  const keepAlive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(keepAlive);
}

/**
 * Waits for a start; once the process is asked to stop, no longer than a stop may take: what a start does is safe to be
 * done again.
 * @returns what runs; the exit code when nothing does because the process is asked to stop
 * @throws what the start throws, when nobody asked
 */
export async function unlessStopped<T extends Running>(
  start: Promise<T>,
  signal: AbortSignal,
  { values, logger }: { readonly values: Values; readonly logger: Logger },
): Promise<T | number> {
  const seconds = values.ENMESH_STOP_TIMEOUT;
  const tooLate = Promise.withResolvers<'too late'>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => tooLate.resolve('too late'), seconds * 1000);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const outcome = await Promise.race([start, tooLate.promise]);
    if (outcome !== 'too late') return outcome;
    logger.warn({ seconds, outcome }, 'stopped while it started');
    setTimeout(() => process.exit(1), lastWordsMs).unref();
    return 1;
  } catch (error) {
    if (signal.aborted && error instanceof Error && error.name === 'AbortError') return 0;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/**
 * Says at once that nothing is ready any more, goes on for the drain, then stops everything; or gives up when that takes
 * too long: the supervisor would kill us anyway, and every job is safe to run again.
 * @returns 0 when all stopped cleanly, else 1; then the process ends soon, whatever still runs
 */
export async function stopInTime(running: Running, values: Values, logger: Logger): Promise<number> {
  const seconds = values.ENMESH_STOP_TIMEOUT;
  logger.info({ seconds, drainSeconds: values.ENMESH_STOP_DRAIN }, 'stopping');
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<'too late'>((resolve) => {
    timer = setTimeout(() => resolve('too late'), seconds * 1000);
  });
  try {
    const outcome = await Promise.race([drainAndStop(running, values.ENMESH_STOP_DRAIN), tooLate]);
    logger.info({ outcome: outcome ?? 'clean' }, 'stopped');
    if (outcome === undefined) return 0;
  } catch (error) {
    logger.error({ err: error }, 'stopped with errors');
  } finally {
    clearTimeout(timer);
  }
  setTimeout(() => process.exit(1), lastWordsMs).unref();
  return 1;
}

async function drainAndStop(running: Running, drainSeconds: number): Promise<undefined> {
  running.drain?.();
  await wait(Math.max(drainSeconds * 1000, leastDrainMs));
  await running.stop();
}
