/** `enmesh export explain`: why a key is or is not in a file. */
import { Command } from 'commander';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { serverOption, withClient } from '../connect.ts';
import { readExposureKey } from '../exposure-key.ts';
import { printJson } from '../io.ts';
import { knownKeyJson, knownKeyText } from '../known-key.ts';
import type { CommandSetup } from '../lazy-commands.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function exportExplainCommand({ io, exitWith }: CommandSetup): Command {
  return new Command('explain')
    .description(
      'Show for each export whether a key is in a file of it, will be and when, or why it is not. ' +
        'Exit 1 when nothing is known of the key.',
    )
    .argument('<key>', '16 bytes in base64, base64url or hex; - reads them from the standard input')
    .argument('[name]', 'an export; none named = all', '')
    .addOption(serverOption('export'))
    .option('--json', 'print what is known as JSON')
    .addHelpText('after', '\nA key that begins with a hyphen stands behind --: enmesh export explain -- -abc…')
    .action(async (text: string, name: string, { server, json }: Options) => {
      const key = await readExposureKey(io, text);
      const known = await withClient(ExportServiceDefinition, { io, role: 'export', server }, (client) =>
        client.explainKey({ key, name }),
      );
      if (json) printJson(io, knownKeyJson(known));
      else io.stdout.write(knownKeyText(known));
      if (known.unknown) exitWith(1);
    });
}
