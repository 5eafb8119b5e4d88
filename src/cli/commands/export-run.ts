/** `enmesh export run`: builds what is due and tells each batch as it ends. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { ExportServiceDefinition, type Batch } from '../../gen/enmesh/export/v1/export.ts';
import { batchJson, describeBatch, hasFailed } from '../batches.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar, type Bar } from '../progress.ts';
import { count } from '../table.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function exportRunCommand({ io }: CommandSetup): Command {
  return new Command('run')
    .description('Plan and build what is due now and print the files. Exit 1 when a batch failed.')
    .argument('[name]', 'an export; none named = all', '')
    .addOption(serverOption('export'))
    .option('--json', 'print the batches as JSON')
    .action(async (name: string, options: Options) => {
      const batches = await withBar(io, 'building', (bar) => runExports(io, { name, ...options, bar }));
      if (options.json) printJson(io, { batches: batches.map(batchJson) });
      else if (batches.length === 0) io.stdout.write('nothing is due\n');
      const failed = batches.filter(hasFailed).length;
      if (failed > 0) {
        const message = `${String(failed)} of ${count(batches.length, 'batch', 'batches')} failed`;
        throw new AppError('precondition', 'batch_failed', message);
      }
    });
}

interface Run extends Options {
  readonly name: string;
  readonly bar: Bar;
}

async function runExports(io: Io, { name, server, json, bar }: Run): Promise<readonly Batch[]> {
  const connection = { io, role: 'export', server, timeoutMs: longCallMs } as const;
  return await withClient(ExportServiceDefinition, connection, async (client) => {
    const batches: Batch[] = [];
    for await (const { batch, progress } of client.run({ name }, { signal: bar.signal })) {
      if (progress) bar.update({ ...progress, detail: count(progress.keys, 'key') });
      if (batch === undefined) continue;
      batches.push(batch);
      if (!json) bar.print(describeBatch(batch));
    }
    return batches;
  });
}
