/** `enmesh keys`: keys of the key manager, and the versions that sign. */
import { Command } from 'commander';
import { mountCommands, type CommandSetup, type LazyCommand } from '../lazy-commands.ts';

const commands: readonly LazyCommand[] = [
  {
    name: 'list',
    summary: 'list the keys of the key manager',
    load: async (setup) => (await import('./keys-list.ts')).keysListCommand(setup),
  },
  {
    name: 'create',
    argument: '<name>',
    summary: 'make a key in the key manager',
    load: async (setup) => (await import('./keys-create.ts')).keysCreateCommand(setup),
  },
  {
    name: 'rotate',
    argument: '<name>',
    summary: "make a new version of a configured signing key, or of our issuer's",
    load: async (setup) => (await import('./keys-rotate.ts')).keysRotateCommand(setup),
  },
  {
    name: 'public',
    argument: '<name>',
    summary: "print the public key of a configured signing key, or of our issuer's",
    load: async (setup) => (await import('./keys-public.ts')).keysPublicCommand(setup),
  },
];

/** The group. */
export async function keysCommand(setup: CommandSetup): Promise<Command> {
  const group = new Command('keys').description(
    'Signing keys. `list` and `create` speak of the key manager of this machine; `rotate` and `public` of a running ' +
      "installation, by the names under `signingKeys` in its configuration, or of `identity`, our issuer's key.",
  );
  await mountCommands(group, commands, setup);
  return group;
}
