/** Work that several requests wait for: done once, and given up when the last of them has left. */

interface Running<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** One piece of work for each name. */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  /**
   * Waits for the work of that name, which begins unless it runs.
   * @param signal ends this waiting with its reason
   * @param work its own signal is aborted when nobody waits any more
   */
  async join(name: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const running = this.#running.get(name) ?? this.#start(name, work);
    running.waiting++;
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      left.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([running.result, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--running.waiting === 0) {
        this.#end(name, running);
        running.controller.abort();
      }
    }
  }

  #start(name: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const running: Running<T> = { result: work(controller.signal), controller, waiting: 0 };
    this.#running.set(name, running);
    const end = (): void => {
      this.#end(name, running);
    };
    running.result.then(end, end);
    return running;
  }

  #end(name: string, running: Running<T>): void {
    if (this.#running.get(name) === running) this.#running.delete(name);
  }
}
