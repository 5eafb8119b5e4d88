import { describe, expect, it } from 'vitest';
import { Gathering } from '../../src/platform/gathering.ts';

async function listsOf<T>(gathering: Gathering<T>): Promise<T[][]> {
  return await Array.fromAsync(gathering.lists());
}

describe('what is gathered', () => {
  it('is handed on together when it comes in one turn', async () => {
    const gathering = new Gathering<number>(10);
    const lists = listsOf(gathering);
    for (const number of [1, 2, 3]) gathering.push(number);
    gathering.end();
    expect(await lists).toEqual([[1, 2, 3]]);
  });

  it('comes in order, nothing twice, when it comes a little at a time', async () => {
    const gathering = new Gathering<number>(10);
    const lists = listsOf(gathering);
    for (let number = 0; number < 50; number++) {
      gathering.push(number);
      if (number % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    gathering.end();
    const all = await lists;
    expect(all.flat()).toEqual(Array.from({ length: 50 }, (_, number) => number));
    expect(all.every((list) => list.length > 0)).toBe(true);
    expect(all.length).toBeGreaterThan(1);
  });

  it('is handed on in lists of at most so many', async () => {
    const gathering = new Gathering<number>(2);
    const lists = listsOf(gathering);
    for (const number of [1, 2, 3]) gathering.push(number);
    gathering.end();
    expect(await lists).toEqual([[1, 2], [3]]);
  });

  it('ends although nothing came', async () => {
    const gathering = new Gathering<number>(10);
    const lists = listsOf(gathering);
    gathering.end();
    expect(await lists).toEqual([]);
  });
});
