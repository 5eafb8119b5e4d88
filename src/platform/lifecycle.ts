/** What a started thing can do: say that it is about to go, and stop. */

/** Something that runs until it is stopped. */
export interface Running {
  /** Tells whoever asks to go elsewhere, at once, while everything still works. Comes before `stop`, or not at all. */
  drain?(): void;
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

  /** Lets things that were added, each by itself, stop at the same time: as soon as everything added later has. */
  together(members: readonly Running[]): void {
    // Each is stopped again in its turn, which tells how that ended.
    this.add({
      stop: async () => {
        await Promise.allSettled(members.map((member) => member.stop()));
      },
    });
  }

  drain(): void {
    for (const running of this.#running.toReversed()) running.drain?.();
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
