/** The line that shows on a terminal while something takes long. */
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { withProgress } from '../../src/cli/progress.ts';
import { ManualClock } from '../../src/platform/clock.ts';

function terminal(isTTY: boolean) {
  const clock = new ManualClock(new Date('2026-03-15T13:47:30Z'));
  const printed: string[] = [];
  const stream = (name: string) => ({
    isTTY,
    write: (text: string) => printed.push(`${name} ${JSON.stringify(text)}`),
  });
  const io = {
    env: {},
    stdin: Readable.from([]),
    stdout: stream('out'),
    stderr: stream('err'),
    clock,
    signal: new AbortController().signal,
  };
  return { io, clock, printed };
}

describe('progress', () => {
  it('counts seconds on a terminal and leaves the line empty', async () => {
    vi.useFakeTimers();
    try {
      const { io, clock, printed } = terminal(true);
      const work = Promise.withResolvers<number>();
      const done = withProgress(io, 'building', (print) => {
        print('a result\n');
        return work.promise;
      });
      clock.advance(1_500);
      vi.advanceTimersByTime(500);
      work.resolve(7);
      expect(await done).toBe(7);
      const clear = '\\r\\u001b[2K';
      expect(printed).toEqual([
        `err "${clear}"`,
        'out "a result\\n"',
        `err "${clear}building … 1 s"`,
        `err "${clear}"`,
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('prints results only where nobody looks', async () => {
    const { io, printed } = terminal(false);
    await withProgress(io, 'building', (print) => {
      print('a result\n');
      return Promise.resolve();
    });
    expect(printed).toEqual(['out "a result\\n"']);
  });
});
