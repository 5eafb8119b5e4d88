/** `enmesh keys public`: what verifies an export's files, or our ID tokens. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { ExportServiceDefinition, type PublicKey } from '../../gen/enmesh/export/v1/export.ts';
import { IdentityServiceDefinition } from '../../gen/enmesh/federation/v1/identity.ts';
import { withClient } from '../connect.ts';
import { identityName, keyServerOption } from '../identity-keys.ts';
import { printJson, type Io } from '../io.ts';
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
    .argument('<name>', "name under `signingKeys`, or `identity`: our issuer's key")
    .option('--key-version <version>', 'this version instead of the newest that signs')
    .addOption(keyServerOption())
    .option('--json', 'print all versions as JSON, newest first')
    .action(async (name: string, options: Options) => {
      const { shown, versions } =
        name === identityName ? await identity(io, options) : await signing(io, name, options);
      if (options.json) printJson(io, shown);
      else io.stdout.write(`${choose(versions, options.keyVersion, io.clock.now()).publicKeyPem.trimEnd()}\n`);
    });
}

/** What is shown of a key as JSON, and its versions, newest first. */
interface Shown {
  readonly shown: unknown;
  readonly versions: readonly PublicKey[];
}

async function signing(io: Io, name: string, { server }: Options): Promise<Shown> {
  const connection = { io, role: 'export', server } as const;
  const { key } = await withClient(ExportServiceDefinition, connection, (client) => client.getSigningKey({ name }));
  return { shown: key, versions: key?.versions ?? [] };
}

async function identity(io: Io, { server }: Options): Promise<Shown> {
  const connection = { io, role: 'federation', server } as const;
  const shown = await withClient(IdentityServiceDefinition, connection, (client) => client.getIdentity({}));
  const versions = shown.keys.map(({ version, ...key }) => ({ ...key, keyId: '', keyVersion: version }));
  return { shown, versions };
}

function choose(versions: readonly PublicKey[], wanted: string | undefined, now: Date): PublicKey {
  const chosen =
    wanted === undefined ? currentVersion(versions, now) : versions.find((version) => version.keyVersion === wanted);
  if (chosen !== undefined) return chosen;
  const known = versions.map((version) => version.keyVersion).join(', ') || 'none';
  throw new AppError('not_found', 'key_version_not_found', `there is no such version; versions are: ${known}`);
}
