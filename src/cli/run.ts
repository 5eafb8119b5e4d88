/** One command line from its words to its exit code: 0 done, 1 failed, 2 wrong usage or configuration. */
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.ts';
import { describeError, exitCodeOf } from './failure.ts';
import type { Io } from './io.ts';
import { mountCommands, type CommandSetup } from './lazy-commands.ts';
import { version } from './version.ts';

/** Runs the command that `argv` (without node and script) names and tells how it ended. Never rejects. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let exitCode = 0;
  const exitWith = (code: number): void => {
    exitCode = code;
  };
  try {
    const program = await buildProgram({ io, words: commandWords(argv), exitWith });
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.stderr.write(describeError(error, io.env['ENMESH_LOG_LEVEL'] === 'debug'));
    return exitCodeOf(error);
  }
}

async function buildProgram(setup: CommandSetup): Promise<Command> {
  const { io } = setup;
  const program = new Command('enmesh')
    .description('Exposure Notification key server: takes keys from phones, publishes signed files, federates.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(--help shows what can be asked)')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => {
        write(text.replace(/^error: /, 'enmesh: '));
      },
    })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration.');
  await mountCommands(program, commands, setup);
  return program;
}

/** The words that may name commands; `help` only asks about them. */
function commandWords(argv: readonly string[]): readonly string[] {
  return argv.filter((word) => !word.startsWith('-') && word !== 'help');
}
