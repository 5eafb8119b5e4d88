/** Places of a process for exchanges of one direction: so many at a time, and some that only partners who answer may have. */

/** A place that is taken, until it is disposed of. */
export interface Place extends Disposable {
  /** Another exchange was turned away since: whoever has had a turn leaves. */
  readonly isWanted: boolean;
}

interface Taken {
  readonly hasFailed: boolean;
  isWanted: boolean;
}

/** Hands them out: nobody waits for one here, whoever is turned away comes again with the next look. */
export class Places {
  readonly #most: number;
  readonly #mostFailed: number;
  readonly #taken = new Map<number, Taken>();

  /** @param most exchanges at a time; of these half, but one at least, with partners whose last run failed */
  constructor(most: number) {
    this.#most = most;
    this.#mostFailed = Math.max(1, Math.floor(most / 2));
  }

  /** @returns undefined = there is none, or the partner has one already */
  take(partnerId: number, { hasFailed }: { readonly hasFailed: boolean }): Place | undefined {
    if (this.#taken.has(partnerId)) return undefined;
    const all = [...this.#taken.values()];
    const failed = all.filter((one) => one.hasFailed);
    const isFull = all.length >= this.#most;
    if (isFull || (hasFailed && failed.length >= this.#mostFailed)) {
      for (const inTheWay of isFull ? all : failed) inTheWay.isWanted = true;
      return undefined;
    }
    const taken: Taken = { hasFailed, isWanted: false };
    this.#taken.set(partnerId, taken);
    return {
      get isWanted() {
        return taken.isWanted;
      },
      [Symbol.dispose]: () => void this.#taken.delete(partnerId),
    };
  }
}
