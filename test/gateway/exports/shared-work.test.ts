import { describe, expect, it } from 'vitest';
import { SharedWork } from '../../../src/gateway/exports/shared-work.ts';

/** Work that ends when it is told to, and remembers how it was asked. */
function makeWork() {
  const signals: AbortSignal[] = [];
  const end = Promise.withResolvers<string>();
  return {
    signals,
    end,
    work: async (signal: AbortSignal): Promise<string> => {
      signals.push(signal);
      return await end.promise;
    },
  };
}

const forever = new AbortController().signal;

describe('shared work', () => {
  it('is done once for all who wait at the same time, and anew for who comes later', async () => {
    const shared = new SharedWork<string>();
    const { work, signals, end } = makeWork();
    const waiting = [shared.join('a', forever, work), shared.join('a', forever, work)];
    end.resolve('done');
    expect(await Promise.all(waiting)).toEqual(['done', 'done']);
    expect(signals).toHaveLength(1);
    await shared.join('a', forever, work);
    expect(signals).toHaveLength(2);
  });

  it('goes on as long as one waits, and is given up with the last', async () => {
    const shared = new SharedWork<string>();
    const { work, signals } = makeWork();
    const [one, other] = [new AbortController(), new AbortController()];
    const waiting = [shared.join('a', one.signal, work), shared.join('a', other.signal, work)];
    one.abort(new Error('left'));
    await expect(waiting[0]).rejects.toThrow('left');
    expect(signals[0]?.aborted).toBe(false);
    other.abort(new Error('left too'));
    await expect(waiting[1]).rejects.toThrow('left too');
    expect(signals[0]?.aborted).toBe(true);
  });

  it('that was given up is nothing that others join', async () => {
    const shared = new SharedWork<string>();
    const abandoned = makeWork();
    const leaving = new AbortController();
    const left = shared.join('a', leaving.signal, abandoned.work);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(await shared.join('a', forever, () => Promise.resolve('new'))).toBe('new');
  });

  it('fails for all who wait, and for nobody who comes later', async () => {
    const shared = new SharedWork<string>();
    const { work, end } = makeWork();
    const waiting = [shared.join('a', forever, work), shared.join('a', forever, work)];
    end.reject(new Error('broken'));
    for (const one of waiting) await expect(one).rejects.toThrow('broken');
    expect(await shared.join('a', forever, () => Promise.resolve('well'))).toBe('well');
  });
});
