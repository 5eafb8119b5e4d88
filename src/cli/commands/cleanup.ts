/** `enmesh cleanup`: deletes now what is past its time. */
import { Command } from 'commander';
import { OperationsServiceDefinition } from '../../gen/enmesh/operations/v1/operations.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar } from '../progress.ts';
import { formatTable } from '../table.ts';

/** The command. */
export function cleanupCommand({ io }: CommandSetup): Command {
  return new Command('cleanup')
    .description('Delete now what is past its time: keys, receipts, counters, files, batches and what hangs on them.')
    .addOption(serverOption('server'))
    .option('--json', 'print the counts as JSON')
    .action(async (options: { server?: string; json?: true }) => {
      const deleted = await withBar(io, 'deleting', ({ signal }) =>
        withClient(
          OperationsServiceDefinition,
          { io, role: 'server', server: options.server, timeoutMs: longCallMs },
          (client) => client.cleanup({}, { signal }),
        ),
      );
      if (options.json) {
        printJson(io, deleted);
        return;
      }
      const rows = [
        ['temporary exposure keys', deleted.exposures],
        ['receipts of publishes', deleted.receipts],
        ['files that left an index', deleted.unlistedFiles],
        ['files deleted', deleted.deletedFiles],
        ['batches', deleted.batches],
        ['padding keys', deleted.paddingKeys],
        ['rows of counters', deleted.statistics],
        ['tombstones of keys', deleted.tombstones],
      ] as const;
      io.stdout.write(
        formatTable(
          [{ heading: 'DELETED' }, { heading: 'COUNT', align: 'right' }],
          rows.map(([what, number]) => [what, String(number)]),
        ),
      );
    });
}
