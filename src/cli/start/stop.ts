/** How a process that runs roles ends. */
import type { Running } from '../../platform/lifecycle.ts';
import type { Logger } from '../../platform/logger.ts';

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
 * Stops everything, or gives up when it takes too long: the supervisor would kill us anyway, and every job is safe to
 * run again.
 * @returns 0 when all stopped cleanly, else 1
 */
export async function stopWithin(running: Running, seconds: number, logger: Logger): Promise<number> {
  logger.info({ seconds }, 'stopping');
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<'too late'>((resolve) => {
    timer = setTimeout(() => resolve('too late'), seconds * 1000);
  });
  try {
    const outcome = await Promise.race([running.stop(), tooLate]);
    logger.info({ outcome: outcome ?? 'clean' }, 'stopped');
    return outcome === undefined ? 0 : 1;
  } catch (error) {
    logger.error({ err: error }, 'stopped with errors');
    return 1;
  } finally {
    clearTimeout(timer);
  }
}
