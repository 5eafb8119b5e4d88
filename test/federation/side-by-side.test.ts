import { describe, expect, it } from 'vitest';
import { sideBySide } from '../../src/federation/side-by-side.ts';

describe('generators side by side', () => {
  it('give everything, with so many at work and no more', async () => {
    let working = 0;
    let most = 0;
    async function* work(name: string): AsyncGenerator<string> {
      working += 1;
      most = Math.max(most, working);
      for (const part of [1, 2, 3]) {
        await Promise.resolve();
        yield `${name}${String(part)}`;
      }
      working -= 1;
    }
    const given = await Array.fromAsync(sideBySide(['a', 'b', 'c', 'd'].map(work), 2));
    expect(given.toSorted()).toEqual(['a', 'b', 'c', 'd'].flatMap((name) => [1, 2, 3].map((part) => `${name}${part}`)));
    expect(most).toBe(2);
  });

  it('end together when one throws: the others are cleaned up and none begins', async () => {
    const ended: string[] = [];
    async function* work(name: string): AsyncGenerator<string> {
      try {
        yield await Promise.resolve(name);
        if (name === 'bad') throw new Error('bad');
        yield name;
        yield name;
        yield name;
      } finally {
        ended.push(name);
      }
    }
    const names = ['bad', 'good', 'never'];
    await expect(Array.fromAsync(sideBySide(names.map(work), 2))).rejects.toThrow('bad');
    expect(ended.toSorted()).toEqual(['bad', 'good']);
  });

  it('are none when there are none', async () => {
    expect(await Array.fromAsync(sideBySide([], 4))).toEqual([]);
  });
});
