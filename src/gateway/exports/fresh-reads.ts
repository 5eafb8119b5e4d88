/** Reads for many who ask at the same time: as few as can be, and none of them older than the question. */

interface Reads<T> {
  readonly current: Promise<T>;
  next?: Promise<T>;
}

/** At most one read of each name runs, and at most one waits for it to end. */
export class FreshReads<T> {
  readonly #reads = new Map<string, Reads<T>>();

  /** What a read finds that begins now or later, so that it knows all that was written before. */
  async read(name: string, read: () => Promise<T>): Promise<T> {
    const running = this.#reads.get(name);
    if (running === undefined) return await this.#start(name, read);
    const start = (): Promise<T> => this.#start(name, read);
    return await (running.next ??= running.current.then(start, start));
  }

  #start(name: string, read: () => Promise<T>): Promise<T> {
    const reads: Reads<T> = { current: read() };
    this.#reads.set(name, reads);
    const end = (): void => {
      // Who waits for the next one starts it, in the place of this.
      if (reads.next === undefined) this.#reads.delete(name);
    };
    reads.current.then(end, end);
    return reads.current;
  }
}
