/** `enmesh keys rotate`: a new version of a signing key or of our issuer's; the old one goes on during the overlap. */
import { Command } from 'commander';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { IdentityServiceDefinition } from '../../gen/enmesh/federation/v1/identity.ts';
import { durationSeconds } from '../arguments.ts';
import { withClient } from '../connect.ts';
import { identityKeyTable, identityName, keyServerOption } from '../identity-keys.ts';
import { printJson, type Io } from '../io.ts';
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
    .description(
      'Make a new version of a key. A signing key: its keyVersion counts up, and both sign during the overlap. Our ' +
        "issuer's: the new one signs ten minutes later, the old one is published for the overlap after that; an overlap of " +
        '0s means that the old one is compromised: the new one signs at once, and the old one goes.',
    )
    .argument('<name>', "name under `signingKeys`, or `identity`: our issuer's key")
    .option('--overlap <duration>', 'how long the old version still counts (default: 14d)', durationSeconds)
    .addOption(keyServerOption())
    .option('--json', 'print the key as JSON')
    .action(async (name: string, options: Options) => {
      const overlapSeconds = options.overlap ?? defaultOverlapSeconds;
      if (name === identityName) await rotateIdentity(io, overlapSeconds, options);
      else await rotateSigning(io, name, { ...options, overlap: overlapSeconds });
    });
}

async function rotateSigning(
  io: Io,
  name: string,
  { overlap, server, json }: Required<Pick<Options, 'overlap'>> & Options,
): Promise<void> {
  const { key } = await withClient(ExportServiceDefinition, { io, role: 'export', server }, (client) =>
    client.rotateSigningKey({ name, overlapSeconds: overlap }),
  );
  if (json) printJson(io, key);
  else io.stdout.write(signingKeyTable(key?.versions ?? []));
}

async function rotateIdentity(io: Io, overlapSeconds: number, { server, json }: Options): Promise<void> {
  const rotated = await withClient(IdentityServiceDefinition, { io, role: 'federation', server }, (client) =>
    client.rotateIdentityKey({ overlapSeconds }),
  );
  if (json) printJson(io, rotated);
  else io.stdout.write(identityKeyTable(rotated.keys));
}
