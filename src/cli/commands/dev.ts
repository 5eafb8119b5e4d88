/** `enmesh dev`: everything in one process. */
import { Command } from 'commander';
import type { CommandSetup } from '../lazy-commands.ts';

/** The command. */
export function devCommand({ io, exitWith }: CommandSetup): Command {
  return new Command('dev')
    .description(
      'Run every role in one process on an embedded PostgreSQL under ENMESH_DATA_DIR (default .enmesh), with development ' +
        'defaults: short windows, so that a publish is in a signed file within a minute. Every variable that is set wins ' +
        'over a development default. Prints the addresses, commands to try, and then a line `ready`.',
    )
    .action(async () => {
      const { runDev } = await import('../start/dev.ts');
      exitWith(await runDev(io));
    });
}
