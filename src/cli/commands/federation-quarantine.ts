/** `enmesh federation quarantine`: keys of a partner that were refused, without their bytes, and judging them again. */
import { Command, Option } from 'commander';
import { refusals, type Refusal } from '../../domain/federation/verdict.ts';
import { PartnerServiceDefinition, type QuarantinedKey } from '../../gen/enmesh/federation/v1/partners.ts';
import { wholeNumber } from '../arguments.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar } from '../progress.ts';
import { count, formatTable, formatTime } from '../table.ts';

interface Options {
  readonly reason?: Refusal;
  readonly replay?: true;
  readonly limit: number;
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function federationQuarantineCommand({ io }: CommandSetup): Command {
  return new Command('quarantine')
    .description('List keys of a partner that were refused, oldest first; their bytes are not told.')
    .argument('<partner>', 'name of the partner')
    .addOption(new Option('--reason <reason>', 'only those that were refused for it').choices(refusals))
    .option('--replay', 'judge them again, and take in those that are acceptable by now')
    .option('--limit <n>', 'list at most so many', wholeNumber(1, 1000), 100)
    .addOption(serverOption('federation'))
    .option('--json', 'print the keys, or what became of them, as JSON')
    .action(async (name: string, options: Options) => {
      if (options.replay) await replay(io, name, options);
      else await list(io, name, options);
    });
}

async function replay(io: Io, name: string, { reason, server, json }: Options): Promise<void> {
  const connection = { io, role: 'federation', server, timeoutMs: longCallMs } as const;
  const { acceptedKeys, refusedKeys } = await withBar(io, 'judging', (bar) =>
    withClient(PartnerServiceDefinition, connection, (client) =>
      client.replayQuarantine({ name, reason: reason ?? '' }, { signal: bar.signal }),
    ),
  );
  if (json) printJson(io, { acceptedKeys, refusedKeys });
  else io.stdout.write(`${count(acceptedKeys, 'key')} left the quarantine, ${String(refusedKeys)} are still refused\n`);
}

async function list(io: Io, name: string, { reason, limit, server, json }: Options): Promise<void> {
  const connection = { io, role: 'federation', server } as const;
  const { keys } = await withClient(PartnerServiceDefinition, connection, (client) =>
    client.listQuarantine({ name, reason: reason ?? '', limit }),
  );
  if (json) printJson(io, { keys });
  else io.stdout.write(keys.length === 0 ? 'nothing is in quarantine\n' : quarantineTable(keys));
}

function quarantineTable(keys: readonly QuarantinedKey[]): string {
  return formatTable(
    [
      { heading: 'ID', align: 'right' },
      { heading: 'REFUSED' },
      { heading: 'WAY' },
      { heading: 'REASON' },
      { heading: 'EVENT' },
      { heading: 'INTERVAL', align: 'right' },
      { heading: 'COUNT', align: 'right' },
      { heading: 'REGIONS' },
    ],
    keys.map((key) => [
      String(key.id),
      formatTime(key.refusedAt),
      key.direction,
      key.reason,
      key.event,
      String(key.rollingStart),
      String(key.rollingPeriod),
      key.regions.join(' '),
    ]),
  );
}
