/** Waits for moments more exactly than timers do, whose millisecond is a large part of a quick answer. */

/** Timers fire up to so much late on a machine at rest: the last of the way is watched. */
const timerLatenessMs = 0.15;
/** How fast the lead follows what is observed. */
const leadGain = 0.05;

interface Wait {
  readonly begunAt: number;
  readonly dueAt: number;
  readonly end: (value?: undefined) => void;
}

/**
 * A busy process comes late to every moment. Therefore all that it does anyway is taken as an opportunity ({@link look}),
 * and waits end a little before their moment, by what keeps them on time in the mean.
 */
export class PunctualWaits {
  /** Earliest first. */
  readonly #waits: Wait[] = [];
  #leadMs = 0;
  #wake: { readonly at: number; cancel(): void } | undefined;

  /** Resolves at `dueAt` (as `performance.now()` tells time), or at once when that is past. */
  async until(dueAt: number): Promise<void> {
    const begunAt = performance.now();
    if (dueAt <= begunAt) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const index = this.#waits.findLastIndex((other) => other.dueAt <= dueAt) + 1;
    this.#waits.splice(index, 0, { begunAt, dueAt, end: resolve });
    this.look();
    await promise;
  }

  /** Ends what is due; called as often as there is an occasion. */
  look(): void {
    const now = performance.now();
    let first = this.#waits[0];
    while (first !== undefined && first.dueAt - this.#leadMs <= now) {
      this.#waits.shift();
      this.#learn(first, now);
      first.end();
      first = this.#waits[0];
    }
    if (first !== undefined) this.#wakeAt(first.dueAt - this.#leadMs, now);
  }

  /** A stall of the process counts for no more than the wait that it spoilt: the lead does not follow single ones. */
  #learn({ begunAt, dueAt }: Wait, endedAt: number): void {
    const lateness = Math.min(endedAt - dueAt, dueAt - begunAt);
    this.#leadMs = Math.max(0, this.#leadMs + leadGain * lateness);
  }

  /** Sleeps through whole milliseconds; what is less is spent looking once a turn of the event loop. */
  #wakeAt(at: number, now: number): void {
    if (this.#wake !== undefined && this.#wake.at <= at) return;
    this.#wake?.cancel();
    const look = (): void => {
      this.#wake = undefined;
      this.look();
    };
    const sleepMs = Math.floor(at - now - timerLatenessMs);
    if (sleepMs >= 1) {
      const timer = setTimeout(look, sleepMs);
      this.#wake = { at, cancel: () => clearTimeout(timer) };
    } else {
      const turn = setImmediate(look);
      this.#wake = { at, cancel: () => clearImmediate(turn) };
    }
  }
}
