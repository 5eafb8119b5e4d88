/** `enmesh keys create`: a new key in the key manager. */
import { Command, Option } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { keyManagerOf } from '../open-key-manager.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';

type Purpose = 'signing' | 'encryption';

/** The command. */
export function keysCreateCommand({ io }: CommandSetup): Command {
  return new Command('create')
    .description('Make a key in the key manager; one that exists is left alone and refused.')
    .argument('<name>', 'name in the key manager, such as export-signing')
    .addOption(
      new Option('--purpose <purpose>', 'signing: ECDSA P-256 for export files and tokens; encryption: revision tokens')
        .choices(['signing', 'encryption'])
        .default('signing'),
    )
    .option('--json', 'print the key as JSON')
    .action(async (name: string, options: { purpose: Purpose; json?: true }) => {
      const keyManager = await keyManagerOf(io);
      const created = await create(keyManager, name, options.purpose);
      if (options.json) printJson(io, created);
      else io.stdout.write(`created ${name}\n${created.publicKeyPem ?? ''}`);
    });
}

interface CreatedKey {
  readonly name: string;
  readonly purpose: Purpose;
  readonly version?: string;
  readonly publicKeyPem?: string;
}

async function create(keyManager: KeyManager, name: string, purpose: Purpose): Promise<CreatedKey> {
  const existing = await keyManager.findKey(name);
  if (existing !== undefined) {
    const cure = '`enmesh keys rotate` makes a new version of a configured signing key';
    throw new AppError('conflict', 'key_exists', `there is a key ${name} for ${existing.purpose}; ${cure}`);
  }
  if (purpose === 'encryption') {
    await keyManager.createEncryptionKey(name);
    return { name, purpose };
  }
  const { version, publicKeyPem } = await keyManager.createSigningKey(name);
  return { name, purpose, version, publicKeyPem };
}
