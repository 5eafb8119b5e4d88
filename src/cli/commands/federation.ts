/** `enmesh federation`: the exchange of keys with neighbouring authorities. */
import { Command } from 'commander';
import { mountCommands, type CommandSetup, type LazyCommand } from '../lazy-commands.ts';

const commands: readonly LazyCommand[] = [
  {
    name: 'status',
    argument: '[partner]',
    summary: 'show where the exchange with each partner stands',
    load: async (setup) => (await import('./federation-status.ts')).federationStatusCommand(setup),
  },
  {
    name: 'pull',
    argument: '[partner]',
    summary: 'take in now what partners share with us',
    load: async (setup) => (await import('./federation-run.ts')).federationRunCommand(setup, 'pull'),
  },
  {
    name: 'push',
    argument: '[partner]',
    summary: 'bring to partners now what is new',
    load: async (setup) => (await import('./federation-run.ts')).federationRunCommand(setup, 'push'),
  },
  {
    name: 'check',
    argument: '<partner>',
    summary: "try a partner's address, TLS, identity and grants",
    load: async (setup) => (await import('./federation-check.ts')).federationCheckCommand(setup),
  },
  {
    name: 'pause',
    argument: '<partner>',
    summary: 'stop everything with a partner within 30 s',
    load: async (setup) => (await import('./federation-pause.ts')).federationPauseCommand(setup),
  },
  {
    name: 'resume',
    argument: '<partner>',
    summary: 'let a paused partner go on',
    load: async (setup) => (await import('./federation-pause.ts')).federationResumeCommand(setup),
  },
  {
    name: 'drain',
    argument: '<partner>',
    summary: 'exchange what is left, then pause',
    load: async (setup) => (await import('./federation-drain.ts')).federationDrainCommand(setup),
  },
  {
    name: 'withdraw',
    argument: '<partner>',
    summary: 'take back everything that a partner brought',
    load: async (setup) => (await import('./federation-withdraw.ts')).federationWithdrawCommand(setup),
  },
  {
    name: 'quarantine',
    argument: '<partner>',
    summary: 'list keys of a partner that were refused, or judge them again',
    load: async (setup) => (await import('./federation-quarantine.ts')).federationQuarantineCommand(setup),
  },
];

/** The group. */
export async function federationCommand(setup: CommandSetup): Promise<Command> {
  const group = new Command('federation').description('Exchange keys with neighbouring authorities.');
  await mountCommands(group, commands, setup);
  return group;
}
