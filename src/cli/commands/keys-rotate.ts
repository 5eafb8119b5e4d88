/** `enmesh keys rotate`: a new version signs; the old one goes on during the overlap. */
import { Command } from 'commander';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { durationSeconds } from '../arguments.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { signingKeyTable } from '../signing-keys.ts';

interface Options {
  readonly overlap?: number;
  readonly server?: string;
  readonly json?: true;
}

const defaultOverlapSeconds = 14 * 86_400;

/** The command. */
export function keysRotateCommand({ io }: CommandSetup): Command {
  return new Command('rotate')
    .description('Make a new version of a signing key, count its keyVersion up, and sign with both during the overlap.')
    .argument('<name>', 'name under `signingKeys`')
    .option('--overlap <duration>', 'how long the old version goes on signing (default: 14d)', durationSeconds)
    .addOption(serverOption('export'))
    .option('--json', 'print the key as JSON')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'export', server: options.server } as const;
      const overlapSeconds = options.overlap ?? defaultOverlapSeconds;
      const { key } = await withClient(ExportServiceDefinition, connection, (client) =>
        client.rotateSigningKey({ name, overlapSeconds }),
      );
      if (options.json) printJson(io, key);
      else io.stdout.write(signingKeyTable(key?.versions ?? []));
    });
}
