/** Runs one of the commands that work on files alone and keeps what it prints. */
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { CommandSetup } from '../../../src/cli/lazy-commands.ts';
import { systemClock } from '../../../src/platform/clock.ts';

/** How a command ended; `thrown` is what the `enmesh` command would tell and turn into an exit code. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly thrown: unknown;
}

/** Runs the command with these words. */
export async function runAlone(make: (setup: CommandSetup) => Command, words: readonly string[]): Promise<Ended> {
  const ended = { exitCode: 0, stdout: '', thrown: undefined as unknown };
  const setup: CommandSetup = {
    io: {
      env: {},
      stdin: Readable.from([]),
      stdout: { write: (text: string) => (ended.stdout += text) },
      stderr: { write: () => undefined },
      clock: systemClock,
      signal: new AbortController().signal,
    },
    words: [],
    exitWith: (code) => {
      ended.exitCode = code;
    },
  };
  const command = make(setup)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    await command.parseAsync(words, { from: 'user' });
  } catch (error) {
    ended.thrown = error;
  }
  return ended;
}
