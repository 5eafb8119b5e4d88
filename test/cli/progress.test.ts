/** The line that shows on a terminal while something takes long. */
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { progressLine } from '../../src/cli/progress-line.ts';
import { withBar } from '../../src/cli/progress.ts';
import { ManualClock } from '../../src/platform/clock.ts';

function terminal({ isTTY = true, columns = 80, term = 'xterm' } = {}) {
  const clock = new ManualClock(new Date('2026-03-15T13:47:30Z'));
  const stop = new AbortController();
  const printed: string[] = [];
  let signalIsRead = false;
  const stream = (name: string) => ({
    isTTY,
    columns,
    write: (text: string) => printed.push(`${name} ${JSON.stringify(text)}`),
  });
  const io = {
    env: { TERM: term },
    stdin: Readable.from([]),
    stdout: stream('out'),
    stderr: stream('err'),
    clock,
    get signal() {
      signalIsRead = true;
      return stop.signal;
    },
  };
  return { io, clock, printed, stop, signalIsRead: () => signalIsRead };
}

const clear = '\\r\\u001b[2K';

describe('progress', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('counts seconds on a terminal, then steps, and leaves the line empty', async () => {
    const { io, clock, printed } = terminal();
    const work = Promise.withResolvers<number>();
    const done = withBar(io, 'building', (bar) => {
      bar.print('a result\n');
      setTimeout(() => {
        bar.update({ done: 5, total: 10 });
      }, 300);
      return work.promise;
    });
    clock.advance(1_500);
    vi.advanceTimersByTime(250);
    clock.advance(500);
    vi.advanceTimersByTime(250);
    work.resolve(7);
    expect(await done).toBe(7);
    expect(printed).toEqual([
      `err "${clear}"`,
      'out "a result\\n"',
      `err "${clear}building … 1 s"`,
      `err "${clear}building  [##########----------]  5/10  2.5/s  2 s"`,
      `err "${clear}"`,
    ]);
    vi.advanceTimersByTime(1000);
    expect(printed).toHaveLength(5);
  });

  it('is cut to the terminal, however narrow it becomes', async () => {
    const { io, printed } = terminal({ columns: 12 });
    const work = Promise.withResolvers<undefined>();
    const done = withBar(io, 'building', () => work.promise);
    vi.advanceTimersByTime(250);
    work.resolve(undefined);
    await done;
    expect(printed[0]).toBe(`err "${clear}building … "`);
  });

  it.each([
    ['stderr is no terminal', { isTTY: false }],
    ['the terminal cannot clear a line', { term: 'dumb' }],
  ])('prints results only where %s, and leaves Ctrl-C to end the process', async (_where, kind) => {
    const { io, printed, signalIsRead } = terminal(kind);
    await withBar(io, 'building', (bar) => {
      bar.update({ done: 1, total: 2 });
      vi.advanceTimersByTime(1000);
      bar.print('a result\n');
      return Promise.resolve();
    });
    expect(printed).toEqual(['out "a result\\n"']);
    expect(signalIsRead()).toBe(false);
  });

  it('ends at Ctrl-C with an empty line, although the work goes on', async () => {
    const { io, printed, stop } = terminal();
    const done = withBar(io, 'building', () => new Promise<never>(() => undefined));
    vi.advanceTimersByTime(250);
    stop.abort();
    await expect(done).rejects.toMatchObject({ code: 'interrupted', message: 'interrupted' });
    expect(printed.at(-1)).toBe(`err "${clear}"`);
    vi.advanceTimersByTime(1000);
    expect(printed).toHaveLength(2);
  });

  it('hands the wish to stop to the work, also where nobody looks', async () => {
    const { io, stop } = terminal({ isTTY: false });
    const done = withBar(io, 'building', async ({ signal }) => {
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('cancelled'));
        });
      });
    });
    stop.abort();
    await expect(done).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('keeps the fault of work that fails by itself', async () => {
    const { io } = terminal();
    await expect(withBar(io, 'building', () => Promise.reject(new Error('a fault')))).rejects.toThrow('a fault');
  });
});

describe('the line of progress', () => {
  const state = { label: 'reading', step: { done: 1, total: 4, detail: 'aa/1.zip' }, seconds: 2 };

  it('leaves out what matters least, as the terminal becomes narrower', () => {
    const lines = [200, 60, 50, 40, 20, 14, 8, 1].map((columns) => progressLine(state, columns));
    expect(lines).toEqual([
      'reading  [#####---------------]  1/4  0.5/s  2 s  aa/1.zip',
      'reading  [#####---------------]  1/4  0.5/s  2 s  aa/1.zip',
      'reading  [#####---------------]  1/4  0.5/s  2 s',
      'reading  1/4  2 s',
      'reading  1/4  2 s',
      'reading  1/4',
      'reading',
      'r',
    ]);
  });

  it('counts bytes in units, and without an end when nobody knows it', () => {
    const step = { done: 12_300_000, unit: 'bytes' } as const;
    expect(progressLine({ label: 'reading', step, seconds: 4.1 }, 80)).toBe('reading  12.3 MB  3.0 MB/s  4 s');
    expect(progressLine({ label: 'reading', step: { ...step, total: 24_600_000 }, seconds: 0.5 }, 80)).toBe(
      'reading  [##########----------]  12.3 MB/24.6 MB  0 s',
    );
  });

  it('never draws more than a full bar', () => {
    const line = (done: number, total: number) => progressLine({ label: 'x', step: { done, total }, seconds: 0 }, 80);
    expect(line(9, 4)).toBe(`x  [${'#'.repeat(20)}]  9/4  0 s`);
    expect(line(0, 0)).toBe(`x  [${'#'.repeat(20)}]  0/0  0 s`);
  });
});
