/** What a started thing can do: stop. */

/** Something that runs until it is stopped. */
export interface Running {
  /** Stops taking work, ends what runs, then resolves. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts things in order and stops them in reverse, also when a later start fails. */
export class Lifecycle implements Running {
  readonly #running: Running[] = [];
  #stopping: Promise<void> | undefined;

  /** Registers what runs; it is stopped before everything added earlier. */
  add<T extends Running>(running: T): T {
    this.#running.push(running);
    return running;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const running of this.#running.toReversed()) {
      try {
        await running.stop();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'some parts did not stop cleanly');
  }
}
