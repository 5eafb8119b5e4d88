/** Runs generators side by side. */

/**
 * Gives what each yields as it comes, `atATime` of them at work. When one throws, or nobody wants more, those at work end
 * their step and no other begins.
 */
export async function* sideBySide<T>(
  generators: readonly AsyncGenerator<T>[],
  atATime: number,
): AsyncGenerator<T, void, undefined> {
  const waiting = generators.values();
  const running = new Map<AsyncGenerator<T>, Promise<Step<T>>>();
  const advance = (generator: AsyncGenerator<T> | undefined): void => {
    if (generator === undefined) return;
    // At the end of the queue, so that all get their turn.
    running.delete(generator);
    running.set(
      generator,
      generator.next().then((result) => ({ generator, result })),
    );
  };
  for (let started = 0; started < atATime; started++) advance(waiting.next().value);
  try {
    while (running.size > 0) {
      const { generator, result } = await Promise.race(running.values());
      if (result.done === true) {
        running.delete(generator);
        advance(waiting.next().value);
        continue;
      }
      // It stands where it says it does until that was taken.
      yield result.value;
      advance(generator);
    }
  } finally {
    await Promise.allSettled(running.values());
    await Promise.allSettled([...running.keys()].map(async (generator) => await generator.return(undefined)));
  }
}

interface Step<T> {
  readonly generator: AsyncGenerator<T>;
  readonly result: IteratorResult<T>;
}
