/** Lets an abort end the wait for somebody who has stopped answering. */

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

/** What `work` comes to, or the signal's reason as soon as it aborts; the work itself goes on, and nobody hears of it. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = (): void => {
    work.catch(() => undefined);
    aborted.reject(signal.reason);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
