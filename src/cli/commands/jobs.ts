/** `enmesh jobs`: the queue of a running installation. */
import { Command } from 'commander';
import { OperationsServiceDefinition, type Job } from '../../gen/enmesh/operations/v1/operations.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { formatTable, formatTime } from '../table.ts';

/** The command. */
export function jobsCommand({ io }: CommandSetup): Command {
  return new Command('jobs')
    .description('Show the job queue, next to run first.')
    .addOption(serverOption('server'))
    .option('--json', 'print the queue as JSON')
    .action(async (options: { server?: string; json?: true }) => {
      const { jobs } = await withClient(
        OperationsServiceDefinition,
        { io, role: 'server', server: options.server },
        (client) => client.listJobs({}),
      );
      if (options.json) printJson(io, { jobs });
      else io.stdout.write(jobs.length === 0 ? 'the queue is empty\n' : jobTable(jobs));
    });
}

function jobTable(jobs: readonly Job[]): string {
  return formatTable(
    [
      { heading: 'ID', align: 'right' },
      { heading: 'TASK' },
      { heading: 'TRIES', align: 'right' },
      { heading: 'NOT BEFORE' },
      { heading: 'RUNS SINCE' },
      { heading: 'LAST ERROR' },
    ],
    jobs.map((job) => [
      job.id,
      job.task,
      String(job.attempts),
      formatTime(job.runAt),
      formatTime(job.lockedAt),
      job.lastError,
    ]),
  );
}
