/** `enmesh keys public`: what verifies an export's files. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { ExportServiceDefinition, type PublicKey } from '../../gen/enmesh/export/v1/export.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { currentVersion } from '../signing-keys.ts';

interface Options {
  readonly keyVersion?: string;
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function keysPublicCommand({ io }: CommandSetup): Command {
  return new Command('public')
    .description('Print the public key of a signing key in PEM, as `enmesh export verify --public-key` reads it.')
    .argument('<name>', 'name under `signingKeys`')
    .option('--key-version <version>', 'this version instead of the newest that signs')
    .addOption(serverOption('export'))
    .option('--json', 'print all versions as JSON, newest first')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'export', server: options.server } as const;
      const { key } = await withClient(ExportServiceDefinition, connection, (client) => client.getSigningKey({ name }));
      const versions = key?.versions ?? [];
      if (options.json) printJson(io, key);
      else io.stdout.write(`${choose(versions, options.keyVersion, io.clock.now()).publicKeyPem.trimEnd()}\n`);
    });
}

function choose(versions: readonly PublicKey[], wanted: string | undefined, now: Date): PublicKey {
  const chosen =
    wanted === undefined ? currentVersion(versions, now) : versions.find((version) => version.keyVersion === wanted);
  if (chosen !== undefined) return chosen;
  const known = versions.map((version) => version.keyVersion).join(', ') || 'none';
  throw new AppError('not_found', 'key_version_not_found', `there is no such version; versions are: ${known}`);
}
