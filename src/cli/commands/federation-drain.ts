/** `enmesh federation drain`: exchanges what is left with a partner, then pauses it. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { PartnerServiceDefinition, type DrainResponse } from '../../gen/enmesh/federation/v1/partners.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { describeProblems, partnerJson, partnerTable } from '../partners.ts';
import { withBar, type Bar } from '../progress.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function federationDrainCommand({ io }: CommandSetup): Command {
  return new Command('drain')
    .description(
      'Pull and push everything of the windows that are closed, then pause the partner. Exit 1, and it is not paused, when ' +
        'that fails.',
    )
    .argument('<partner>', 'name of the partner')
    .addOption(serverOption('federation'))
    .option('--json', 'print the partner as JSON')
    .action(async (name: string, options: Options) => {
      const last = await withBar(io, 'draining', (bar) => drain(io, { name, ...options, bar }));
      const partners = last?.partner === undefined ? [] : [last.partner];
      if (options.json) printJson(io, { isDrained: last?.isDrained ?? false, partner: partners.map(partnerJson)[0] });
      else io.stdout.write(partnerTable(partners, ['pull', 'push']) + describeProblems(partners));
      if (last?.isDrained !== true) {
        throw new AppError('unavailable', 'not_drained', `${name} could not be drained, and is not paused`);
      }
      if (!options.json) io.stdout.write(`${name} is drained and paused\n`);
    });
}

async function drain(
  io: Io,
  { name, server, bar }: Options & { readonly name: string; readonly bar: Bar },
): Promise<DrainResponse | undefined> {
  const connection = { io, role: 'federation', server, timeoutMs: longCallMs } as const;
  return await withClient(PartnerServiceDefinition, connection, async (client) => {
    let last: DrainResponse | undefined;
    for await (const response of client.drain({ name }, { signal: bar.signal })) {
      last = response;
      const { pull, push } = response.partner ?? {};
      bar.update({
        done: Number((pull?.keys ?? 0n) + (push?.keys ?? 0n)),
        detail: `${String((pull?.lagKeys ?? 0n) + (push?.lagKeys ?? 0n))} left`,
      });
    }
    return last;
  });
}
