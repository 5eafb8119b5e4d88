/** `enmesh hold`: stops an app, a health authority or an export, lets it go on, and shows what is stopped. */
import { Command } from 'commander';
import { HoldSubject, OperationsServiceDefinition, type Hold } from '../../gen/enmesh/operations/v1/operations.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { formatTable, formatTime } from '../table.ts';

interface Options {
  readonly release?: true;
  readonly server?: string;
  readonly json?: true;
}

/** What can be held, and what that means. */
const subjects = [
  {
    word: 'app',
    subject: HoldSubject.APP,
    argument: 'id of the app',
    meaning: 'Refuse publishes of an app.',
  },
  {
    word: 'authority',
    subject: HoldSubject.HEALTH_AUTHORITY,
    argument: 'issuer of the health authority',
    meaning: 'Refuse certificates of a health authority, and its statistics.',
  },
  {
    word: 'export',
    subject: HoldSubject.EXPORT,
    argument: 'name of the export',
    meaning: 'Plan, build, list and hand out no file of an export.',
  },
] as const;

/** The group. */
export function holdCommand(setup: CommandSetup): Command {
  const group = new Command('hold').description(
    'Stop an app, a health authority or an export, everywhere within 30 s.',
  );
  for (const subject of subjects) group.addCommand(subjectCommand(setup, subject));
  return group.addCommand(listCommand(setup));
}

function subjectCommand(
  { io }: CommandSetup,
  { word, subject, argument, meaning }: (typeof subjects)[number],
): Command {
  return new Command(word)
    .description(meaning)
    .argument('<name>', argument)
    .option('--release', 'let it go on')
    .addOption(serverOption('server'))
    .option('--json', 'print whether anything changed as JSON')
    .action(async (name: string, options: Options) => {
      const release = options.release ?? false;
      const connection = { io, role: 'server', server: options.server } as const;
      const { changed } = await withClient(OperationsServiceDefinition, connection, (client) =>
        client.setHold({ subject, name, release }),
      );
      if (options.json) printJson(io, { changed });
      else if (release) io.stdout.write(`${name} ${changed ? 'is not on hold any more' : 'was not on hold'}\n`);
      else io.stdout.write(`${name} ${changed ? 'is on hold now' : 'was on hold already'}\n`);
    });
}

function listCommand({ io }: CommandSetup): Command {
  return new Command('list')
    .description('Show what is on hold.')
    .addOption(serverOption('server'))
    .option('--json', 'print the holds as JSON')
    .action(async (options: Options) => {
      const connection = { io, role: 'server', server: options.server } as const;
      const { holds } = await withClient(OperationsServiceDefinition, connection, (client) => client.listHolds({}));
      if (options.json) printJson(io, { holds: holds.map((hold) => ({ ...hold, subject: wordOf(hold) })) });
      else io.stdout.write(holds.length === 0 ? 'nothing is on hold\n' : holdTable(holds));
    });
}

function holdTable(holds: readonly Hold[]): string {
  return formatTable(
    [{ heading: 'KIND' }, { heading: 'NAME' }, { heading: 'SINCE' }],
    holds.map((hold) => [wordOf(hold), hold.name, formatTime(hold.since)]),
  );
}

function wordOf({ subject }: Hold): string {
  return subjects.find((entry) => entry.subject === subject)?.word ?? 'unknown';
}
