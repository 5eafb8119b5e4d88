/** A line on the terminal while something takes long; nothing where nobody looks. */
import { AppError } from '../domain/errors.ts';
import type { Io } from './io.ts';
import { progressLine, type Step } from './progress-line.ts';
import { unlessAborted } from './unless-aborted.ts';

const clearLine = '\r\u001B[2K';
const tickMs = 250;
/** Where the terminal does not say how wide it is. */
const usualColumns = 80;

/** What work is given to tell how far it is; may be taken apart. */
export interface Bar {
  /** Says how far the work is; the next tick shows it. */
  readonly update: (step: Step) => void;
  /** Prints a result meanwhile, on lines of its own. */
  readonly print: (text: string) => void;
  /** Aborted by Ctrl-C: for calls and downloads. Where nobody looks and nobody reads it, Ctrl-C ends the process at once. */
  readonly signal: AbortSignal;
  /** Somebody looks: what costs something only to tell how far the work is, is worth it. */
  readonly isShown: boolean;
}

/**
 * Shows on stderr, on a terminal only, how far `work` is until it settles: `label [####----] done/total rate seconds`, or
 * just the seconds until the first {@link Bar.update}. Ctrl-C ends the wait and leaves the line empty.
 *
 * @throws AppError `unavailable`/`interrupted` when the process was asked to stop; whatever `work` throws
 */
export async function withBar<T>(io: Io, label: string, work: (bar: Bar) => Promise<T>): Promise<T> {
  const isShown = io.stderr.isTTY === true && io.env['TERM'] !== 'dumb';
  const line = new ProgressLine(io, label, isShown);
  try {
    return await (isShown ? unlessAborted(work(line), io.signal) : work(line));
  } catch (error) {
    if (line.isInterrupted) throw new AppError('unavailable', 'interrupted', 'interrupted', { cause: error });
    throw error;
  } finally {
    line.end();
  }
}

class ProgressLine implements Bar {
  readonly isShown: boolean;
  readonly #io: Io;
  readonly #label: string;
  readonly #start: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #step: Step | undefined;
  #signal: AbortSignal | undefined;

  readonly update = (step: Step): void => {
    this.#step = step;
  };

  readonly print = (text: string): void => {
    this.#clear();
    this.#io.stdout.write(text);
  };

  constructor(io: Io, label: string, isShown: boolean) {
    this.#io = io;
    this.#label = label;
    this.isShown = isShown;
    this.#start = io.clock.now().getTime();
    if (!isShown) return;
    this.#signal = io.signal;
    this.#timer = setInterval(() => {
      this.#draw();
    }, tickMs);
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#io.signal);
  }

  get isInterrupted(): boolean {
    return this.#signal?.aborted === true;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #draw(): void {
    const { clock, stderr } = this.#io;
    const seconds = (clock.now().getTime() - this.#start) / 1000;
    const state = { label: this.#label, step: this.#step, seconds };
    stderr.write(clearLine + progressLine(state, stderr.columns ?? usualColumns));
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#io.stderr.write(clearLine);
  }
}
