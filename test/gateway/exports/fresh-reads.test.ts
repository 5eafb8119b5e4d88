import { describe, expect, it } from 'vitest';
import { FreshReads } from '../../../src/gateway/exports/fresh-reads.ts';

/** A source that answers when it is told to. */
function makeSource() {
  const running: PromiseWithResolvers<string>[] = [];
  return {
    running,
    read: async (): Promise<string> => {
      const read = Promise.withResolvers<string>();
      running.push(read);
      return await read.promise;
    },
  };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe('fresh reads', () => {
  it('give who comes while one runs what the next one finds, and start no third', async () => {
    const reads = new FreshReads<string>();
    const { read, running } = makeSource();
    const first = reads.read('a', read);
    const others = [reads.read('a', read), reads.read('a', read)];
    expect(running).toHaveLength(1);
    running[0]!.resolve('old');
    expect(await first).toBe('old');
    await settled();
    expect(running).toHaveLength(2);
    running[1]!.resolve('new');
    expect(await Promise.all(others)).toEqual(['new', 'new']);
  });

  it('begin anew when none runs', async () => {
    const reads = new FreshReads<string>();
    expect(await reads.read('a', () => Promise.resolve('one'))).toBe('one');
    expect(await reads.read('a', () => Promise.resolve('two'))).toBe('two');
  });

  it('of different names do not wait for each other', async () => {
    const reads = new FreshReads<string>();
    const { read } = makeSource();
    void reads.read('a', read);
    expect(await reads.read('b', () => Promise.resolve('b'))).toBe('b');
  });

  it('that fail let the next one try', async () => {
    const reads = new FreshReads<string>();
    const { read, running } = makeSource();
    const first = reads.read('a', read);
    const second = reads.read('a', read);
    running[0]!.reject(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    await settled();
    running[1]!.resolve('well');
    expect(await second).toBe('well');
  });
});
