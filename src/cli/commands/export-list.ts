/** `enmesh export list`: batches and their files. */
import { Command } from 'commander';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { batchJson, batchTable } from '../batches.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { wholeNumber } from '../arguments.ts';

interface Options {
  readonly limit: number;
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function exportListCommand({ io }: CommandSetup): Command {
  return new Command('list')
    .description('List batches and their files, newest window first.')
    .argument('[name]', 'an export; none named = all', '')
    .option('--limit <n>', 'at most so many batches', wholeNumber(1, 1000), 100)
    .addOption(serverOption('export'))
    .option('--json', 'print the batches as JSON')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'export', server: options.server } as const;
      const { batches } = await withClient(ExportServiceDefinition, connection, (client) =>
        client.listBatches({ name, limit: options.limit }),
      );
      if (options.json) printJson(io, { batches: batches.map(batchJson) });
      else io.stdout.write(batches.length === 0 ? 'there are no batches yet\n' : batchTable(batches));
    });
}
