/** Lets an abort end a loop over a source that has stopped answering. */

/**
 * The items of `source`, until the signal aborts: then its reason is thrown at once, and the source is closed in the
 * background as soon as it answers.
 */
export async function* abortable<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  const onAbort = (): void => {
    waiting?.reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      signal.throwIfAborted();
      // Not a race with one promise for all items, which would keep every item until the end.
      waiting = Promise.withResolvers();
      iterator.next().then(waiting.resolve, waiting.reject);
      const result = await waiting.promise;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    const closed = Promise.resolve(iterator.return?.()).catch(() => undefined);
    if (!signal.aborted) await closed;
  }
}
