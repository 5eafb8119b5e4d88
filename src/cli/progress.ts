/** A line on the terminal while something takes long; nothing where nobody looks. */
import type { Io } from './io.ts';

const clearLine = '\r\u001B[2K';
const tickMs = 500;

/**
 * Shows `label` and the seconds so far on stderr until `work` settles; on a terminal only.
 * @param work gets a function that prints results meanwhile, on lines of their own
 */
export async function withProgress<T>(
  io: Io,
  label: string,
  work: (print: (text: string) => void) => Promise<T>,
): Promise<T> {
  if (io.stderr.isTTY !== true) return await work((text) => void io.stdout.write(text));
  const start = io.clock.now().getTime();
  const timer = setInterval(() => {
    const seconds = Math.floor((io.clock.now().getTime() - start) / 1000);
    io.stderr.write(`${clearLine}${label} … ${String(seconds)} s`);
  }, tickMs);
  try {
    return await work((text) => {
      io.stderr.write(clearLine);
      io.stdout.write(text);
    });
  } finally {
    clearInterval(timer);
    io.stderr.write(clearLine);
  }
}
