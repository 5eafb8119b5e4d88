/** A limit to silence: work may take as long as it likes while something moves. */

/** One piece of work, which is given up when nothing was heard of it for too long. */
export class Silence {
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.heard();
  }

  /** Aborts what takes signals. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something moved: the limit counts anew. */
  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.break(new Error('nothing was heard for too long'));
    }, this.#limitMs);
  }

  /** Gives the work up at once. */
  break(reason: Error): void {
    clearTimeout(this.#timer);
    this.#controller.abort(reason);
  }

  /** Counts no longer. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** What `work` resolves to, unless it is given up first; not every client listens to signals. */
  async during<T>(work: Promise<T>): Promise<T> {
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      reject(this.signal.reason as Error);
    };
    this.signal.addEventListener('abort', onAbort, { once: true });
    if (this.signal.aborted) onAbort();
    try {
      return await Promise.race([work, givenUp]);
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
  }
}
