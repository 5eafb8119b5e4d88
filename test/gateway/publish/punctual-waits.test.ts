import { describe, expect, it } from 'vitest';
import { PunctualWaits } from '../../../src/gateway/publish/punctual-waits.ts';

/** Keeps the process from everything else, as work does. */
function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('a punctual wait', () => {
  it('ends at its moment and not before, to a part of a millisecond that no timer tells', async () => {
    const waits = new PunctualWaits();
    const dueAt = performance.now() + 2.4;
    await waits.until(dueAt);
    expect(performance.now()).toBeGreaterThanOrEqual(dueAt);
  });

  it('is none when its moment is past', async () => {
    const waited = new PunctualWaits().until(performance.now() - 1).then(() => 'none');
    const turn = new Promise((resolve) => setImmediate(resolve, 'a turn of the event loop'));
    expect(await Promise.race([waited, turn])).toBe('none');
  });

  it('ends in the order of its moment, whenever it began', async () => {
    const waits = new PunctualWaits();
    const now = performance.now();
    const ended: number[] = [];
    await Promise.all([30, 2, 1, 31, 15].map(async (ms) => waits.until(now + ms).then(() => ended.push(ms))));
    expect(ended).toEqual([1, 2, 15, 30, 31]);
  });

  it('is over at the first occasion after its moment, without a timer', async () => {
    const waits = new PunctualWaits();
    let isOver = false;
    const wait = waits.until(performance.now() + 3).then(() => (isOver = true));
    work(4);
    waits.look();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(isOver).toBe(true);
    await wait;
  });

  it('ends early as often as it takes to be on time in the mean, in a process that always comes late', async () => {
    const waits = new PunctualWaits();
    const lateness: number[] = [];
    for (let round = 0; round < 60; round++) {
      const dueAt = performance.now() + 1 + (round % 5);
      const wait = waits.until(dueAt).then(() => lateness.push(performance.now() - dueAt));
      await Promise.resolve();
      await Promise.resolve();
      work(8);
      await wait;
    }
    expect(lateness[0]).toBeGreaterThan(0);
    expect(lateness.slice(30).some((late) => late < 0)).toBe(true);
    expect(Math.min(...lateness)).toBeGreaterThan(-10);
  });
});
