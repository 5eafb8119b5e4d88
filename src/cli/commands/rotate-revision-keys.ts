/** `enmesh rotate-revision-keys`: rotates the data keys of revision tokens now. */
import { Command } from 'commander';
import { OperationsServiceDefinition } from '../../gen/enmesh/operations/v1/operations.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { count } from '../table.ts';

interface Options {
  readonly force?: true;
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function rotateRevisionKeysCommand({ io }: CommandSetup): Command {
  return new Command('rotate-revision-keys')
    .description('Make a new data key of revision tokens when one is due, and destroy those past their time.')
    .option('--force', 'make a new key though none is due')
    .addOption(serverOption('server'))
    .option('--json', 'print what was done as JSON')
    .action(async (options: Options) => {
      const connection = { io, role: 'server', server: options.server } as const;
      const done = await withClient(OperationsServiceDefinition, connection, (client) =>
        client.rotateRevisionKeys({ force: options.force ?? false }),
      );
      if (options.json) {
        printJson(io, done);
        return;
      }
      const made = done.created ? 'a new key seals tokens from now on' : 'no new key was due';
      io.stdout.write(`${made}; ${count(done.deleted, 'key')} destroyed, ${String(done.kept)} can open tokens\n`);
    });
}
