/** Commands that are loaded when they are called, so that help and small commands start at once. */
import { Command } from 'commander';
import type { Io } from './io.ts';

/** What a command is built with. */
export interface CommandSetup {
  readonly io: Io;
  /** What the command line names below this command: options left out. */
  readonly words: readonly string[];
  /** Ends the run with this code although nothing was thrown: whoever calls it has told why. */
  readonly exitWith: (code: number) => void;
}

/** A command as the help lists it, and how to get it. */
export interface LazyCommand {
  readonly name: string;
  /** As in help: `[name]` optional, `<name>` needed. */
  readonly argument?: string;
  readonly summary: string;
  load(setup: CommandSetup): Promise<Command>;
}

/** Adds commands to `parent`: the one that the first word names whole, the others by name and summary only. */
export async function mountCommands(
  parent: Command,
  commands: readonly LazyCommand[],
  setup: CommandSetup,
): Promise<void> {
  const [name, ...words] = setup.words;
  for (const entry of commands) {
    const command = entry.name === name ? await entry.load({ ...setup, words }) : placeholder(entry);
    inheritSettings(command.summary(entry.summary), parent);
    parent.addCommand(command);
  }
}

function placeholder(entry: LazyCommand): Command {
  const command = new Command(entry.name).description(entry.summary);
  return entry.argument === undefined ? command : command.argument(entry.argument);
}

/** commander passes settings on only to commands that it makes itself. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}
