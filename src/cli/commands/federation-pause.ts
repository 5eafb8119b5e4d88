/** `enmesh federation pause` and `resume`: stops everything with a partner, and lets it go on. */
import { Command } from 'commander';
import { PartnerServiceDefinition } from '../../gen/enmesh/federation/v1/partners.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { partnerJson } from '../partners.ts';
import { formatTime } from '../table.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** Stops it. */
export function federationPauseCommand(setup: CommandSetup): Command {
  const description =
    'Neither pull from a partner, push to it, answer it nor take anything from it: everywhere within 30 s.';
  return pauseCommand(setup, new Command('pause').description(description), true);
}

/** Lets it go on. */
export function federationResumeCommand(setup: CommandSetup): Command {
  const description = 'Let a paused partner go on where it was; nothing is lost but what is past its retention.';
  return pauseCommand(setup, new Command('resume').description(description), false);
}

function pauseCommand({ io }: CommandSetup, command: Command, isPaused: boolean): Command {
  return command
    .argument('<partner>', 'name of the partner')
    .addOption(serverOption('federation'))
    .option('--json', 'print the partner as JSON')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'federation', server: options.server } as const;
      const { partner } = await withClient(PartnerServiceDefinition, connection, (client) =>
        client.setPaused({ name, isPaused }),
      );
      if (options.json) printJson(io, { partner: partner && partnerJson(partner) });
      else if (isPaused) io.stdout.write(`${name} is paused since ${formatTime(partner?.pausedAt)}\n`);
      else io.stdout.write(`${name} is not paused\n`);
    });
}
