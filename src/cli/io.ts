/** What a command sees of the world: its streams, its environment, the time, and the wish to stop. */
import { systemClock, type Clock } from '../platform/clock.ts';

/** Where text goes. */
export interface TextStream {
  write(text: string): unknown;
  /** True on a terminal. */
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal as it is now. */
  readonly columns?: number | undefined;
}

/** All that a command may touch, so that tests can give it something else. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  /** What is piped in. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Results: what a person would pipe. */
  readonly stdout: TextStream;
  /** Errors and progress. */
  readonly stderr: TextStream;
  readonly clock: Clock;
  /** Aborted when the process is asked to stop. Who reads it promises to heed it: from then on Ctrl-C only asks. */
  readonly signal: AbortSignal;
}

/** The process's own streams and environment. SIGINT and SIGTERM abort `signal`; a second one ends the process at once. */
export function processIo(): Io {
  let signal: AbortSignal | undefined;
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  return {
    env: process.env,
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    get signal() {
      signal ??= signalOfProcess();
      return signal;
    },
  };
}

/** Who reads us may stop early, as `head` does. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function signalOfProcess(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort();
    });
  }
  return stop.signal;
}

/** Prints a value as indented JSON; a bigint becomes a number where it fits and text otherwise. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, jsonValue, 2)}\n`);
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
