import { setImmediate as endOfTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { abortable } from '../../../src/export/file/abortable.ts';
import { keptOf } from '../../support/garbage.ts';

async function* blocks(
  count: number,
  seen: WeakRef<object>[],
): AsyncGenerator<{ readonly number: number }, void, undefined> {
  for (let number = 0; number < count; number++) {
    await endOfTurn();
    const block = { bytes: new Uint8Array(1_000), number };
    seen.push(new WeakRef(block));
    yield block;
  }
}

describe('a source that may be aborted', () => {
  it('keeps nothing of what was read, however long it is', async () => {
    const seen: WeakRef<object>[] = [];
    const kept: number[] = [];
    for await (const { number } of abortable(blocks(200, seen), new AbortController().signal)) {
      if (number === 199) kept.push(keptOf(seen));
    }
    expect(kept).toHaveLength(1);
    expect(kept[0]).toBeLessThanOrEqual(3);
  });

  it('ends at once with the reason, although the source never answers', async () => {
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<number, void, undefined> {
      yield 1;
      await Promise.withResolvers<never>().promise;
    }
    const items = abortable(silent(), controller.signal)[Symbol.asyncIterator]();
    expect(await items.next()).toEqual({ done: false, value: 1 });
    const next = items.next();
    controller.abort(new Error('stop'));
    await expect(next).rejects.toThrow('stop');
  });

  it('does not begin when it is aborted already', async () => {
    const items = abortable(blocks(1, []), AbortSignal.abort(new Error('stop')))[Symbol.asyncIterator]();
    await expect(items.next()).rejects.toThrow('stop');
  });
});
