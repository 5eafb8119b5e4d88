/** `enmesh federation status`: where the exchange with each partner stands. */
import { Command } from 'commander';
import { PartnerServiceDefinition } from '../../gen/enmesh/federation/v1/partners.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { describeProblems, partnerJson, partnerTable } from '../partners.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function federationStatusCommand({ io }: CommandSetup): Command {
  return new Command('status')
    .description(
      'Show for each partner and direction: state, lag, keys that wait, that crossed and that were refused, the last error ' +
        'and what to do about it.',
    )
    .argument('[partner]', 'a partner; none named = all', '')
    .addOption(serverOption('federation'))
    .option('--json', 'print the partners as JSON')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'federation', server: options.server } as const;
      const { partners } = await withClient(PartnerServiceDefinition, connection, (client) =>
        client.listPartners({ name }),
      );
      if (options.json) printJson(io, { partners: partners.map(partnerJson) });
      else if (partners.length === 0) io.stdout.write('no partner is configured\n');
      else io.stdout.write(partnerTable(partners) + describeProblems(partners));
    });
}
