/** `enmesh keys list`: what the key manager has. */
import { Command } from 'commander';
import { keyManagerOf } from '../open-key-manager.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { formatTable } from '../table.ts';

/** The command. */
export function keysListCommand({ io }: CommandSetup): Command {
  return new Command('list')
    .description('List the keys of the key manager with their versions, newest first.')
    .option('--json', 'print the keys as JSON')
    .action(async (options: { json?: true }) => {
      const keyManager = await keyManagerOf(io);
      const keys = await keyManager.listKeys();
      if (options.json) {
        printJson(io, { keys });
        return;
      }
      const rows = keys.map((key) => [key.name, key.purpose, key.versions.join(' ')]);
      const columns = [{ heading: 'NAME' }, { heading: 'PURPOSE' }, { heading: 'VERSIONS' }];
      io.stdout.write(keys.length === 0 ? 'the key manager has no keys\n' : formatTable(columns, rows));
    });
}
