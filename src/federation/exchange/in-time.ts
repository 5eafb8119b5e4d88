/** Ends a stream whose other side says nothing any more. */
import { AppError } from '../../domain/errors.ts';

/** How long to wait for the other side. */
export interface Patience {
  /** For the first message. */
  readonly firstSeconds: number;
  /** For each one after it. Time that is spent on a message does not count. */
  readonly nextSeconds: number;
  readonly signal: AbortSignal;
}

/**
 * Gives what `open` gives.
 * @param open makes the stream, which ends when its signal aborts
 * @throws AppError timeout `partner_silent`; what the stream throws
 */
export async function* inTime<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  { firstSeconds, nextSeconds, signal }: Patience,
): AsyncGenerator<T, void, undefined> {
  const silence = new AbortController();
  const iterator = open(AbortSignal.any([signal, silence.signal]))[Symbol.asyncIterator]();
  try {
    for (let seconds = firstSeconds; ; seconds = nextSeconds) {
      const timer = setTimeout(() => {
        silence.abort();
      }, seconds * 1000);
      const result = await iterator.next().finally(() => {
        clearTimeout(timer);
      });
      if (result.done === true) return;
      yield result.value;
    }
  } catch (cause) {
    if (!silence.signal.aborted || signal.aborted) throw cause;
    throw new AppError('timeout', 'partner_silent', 'the partner was called and says nothing', { cause });
  } finally {
    await iterator.return?.();
    // Whatever it still waits for is not wanted any more.
    silence.abort();
  }
}
