/** Things that come at about the same time, handed on together: a stream of lists. */

import { setImmediate as endOfTurn } from 'node:timers/promises';

/** Whoever waits for it gets what came until the event loop's turn was over. */
export class Gathering<T> {
  readonly #mostTogether: number;
  readonly #items: T[] = [];
  #isEnded = false;
  #wake: (() => void) | undefined;

  /** @param mostTogether items of a list; further ones come in the next */
  constructor(mostTogether: number) {
    this.#mostTogether = mostTogether;
  }

  /** Adds one. After {@link end} nothing is added. */
  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** No more will come; what has come is still handed on. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  /** Lists in order, none of them empty; ends after {@link end}. For one reader. */
  async *lists(): AsyncGenerator<T[], void, undefined> {
    for (;;) {
      if (this.#items.length === 0) {
        if (this.#isEnded) return;
        await this.#more();
        continue;
      }
      await endOfTurn();
      yield this.#items.splice(0, this.#mostTogether);
    }
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => {
      resolve(undefined);
    };
    await promise;
    this.#wake = undefined;
  }
}
