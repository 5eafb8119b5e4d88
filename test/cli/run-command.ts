/** Runs one command line in this process, as main.ts does, and keeps what it prints. */
import { Readable } from 'node:stream';
import { ManualClock } from '../../src/platform/clock.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { run } from '../../src/cli/run.ts';

/** How a command ended. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `enmesh` with these words.
 * @param world the environment (nothing else is set), the time (the machine's when not given), what is piped in, and
 *   whether it is printed on a terminal, and who watches
 */
export async function runCommand(
  argv: readonly string[],
  world: {
    readonly env?: Readonly<Record<string, string>>;
    readonly now?: Date;
    readonly stdin?: string;
    readonly isTTY?: boolean;
    /** Called with everything that has been printed so far, whenever there is more. */
    readonly onPrint?: (printed: Omit<CommandResult, 'exitCode'>) => void;
  } = {},
): Promise<CommandResult> {
  const printed = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof printed) => ({
    isTTY: world.isTTY,
    write: (text: string) => {
      printed[name] += text;
      world.onPrint?.(printed);
    },
  });
  const exitCode = await run(argv, {
    env: { ...world.env },
    stdin: Readable.from([Buffer.from(world.stdin ?? '')]),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    clock: world.now === undefined ? systemClock : new ManualClock(world.now),
    signal: new AbortController().signal,
  });
  return { exitCode, ...printed };
}
