/** Batches that were sent and are not acknowledged yet: a few, so that memory is bounded and the way is never empty. */

/** What is under way, first sent first. */
export class InFlight<Batch> {
  readonly #most: number;
  readonly #batches: Batch[] = [];
  #onRoom: (() => void) | undefined;

  /** @param most how many at a time */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#batches.length;
  }

  /** Adds one when there is room, and not before. For one caller at a time. @throws the signal's reason when it aborts */
  async add(batch: Batch, signal: AbortSignal): Promise<void> {
    if (this.#batches.length >= this.#most) await this.#room(signal);
    signal.throwIfAborted();
    this.#batches.push(batch);
  }

  /** Takes the first one out. */
  shift(): Batch | undefined {
    const batch = this.#batches.shift();
    this.#onRoom?.();
    return batch;
  }

  async #room(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const onRoom = (): void => {
      resolve(undefined);
    };
    this.#onRoom = onRoom;
    signal.addEventListener('abort', onRoom, { once: true });
    await promise;
    signal.removeEventListener('abort', onRoom);
    this.#onRoom = undefined;
  }
}
