/** `enmesh export reprocess`: the same window once more, in new files. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { databaseId } from '../arguments.ts';
import { batchJson, describeBatch, hasFailed } from '../batches.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar } from '../progress.ts';

/** The command. */
export function exportReprocessCommand({ io }: CommandSetup): Command {
  return new Command('reprocess')
    .description('Build a batch again under new file names; the old files leave the index in the same write.')
    .argument('<batch>', 'number of the batch, as `enmesh export list` shows it', databaseId)
    .addOption(serverOption('export'))
    .option('--json', 'print the batch as JSON')
    .action(async (batchId: bigint, options: { server?: string; json?: true }) => {
      const connection = { io, role: 'export', server: options.server, timeoutMs: longCallMs } as const;
      const { batch } = await withBar(io, `building batch ${String(batchId)}`, ({ signal }) =>
        withClient(ExportServiceDefinition, connection, (client) => client.reprocess({ batchId }, { signal })),
      );
      if (batch === undefined) throw new AppError('internal', 'internal_error', 'the answer names no batch');
      if (options.json) printJson(io, batchJson(batch));
      else io.stdout.write(describeBatch(batch));
      if (hasFailed(batch)) throw new AppError('precondition', 'batch_failed', 'the batch failed');
    });
}
