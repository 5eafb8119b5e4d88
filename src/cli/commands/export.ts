/** `enmesh export`: what is published. */
import { Command } from 'commander';
import { mountCommands, type CommandSetup, type LazyCommand } from '../lazy-commands.ts';

const commands: readonly LazyCommand[] = [
  {
    name: 'run',
    argument: '[name]',
    summary: 'plan and build what is due now, print the files',
    load: async (setup) => (await import('./export-run.ts')).exportRunCommand(setup),
  },
  {
    name: 'list',
    argument: '[name]',
    summary: 'list batches and their files, newest window first',
    load: async (setup) => (await import('./export-list.ts')).exportListCommand(setup),
  },
  {
    name: 'plan',
    argument: '[name]',
    summary: 'show what will be in which file, and when',
    load: async (setup) => (await import('./export-plan.ts')).exportPlanCommand(setup),
  },
  {
    name: 'explain',
    argument: '<key>',
    summary: 'show why a key is or is not in a file',
    load: async (setup) => (await import('./export-explain.ts')).exportExplainCommand(setup),
  },
  {
    name: 'reprocess',
    argument: '<batch>',
    summary: 'build a batch again under new file names',
    load: async (setup) => (await import('./export-reprocess.ts')).exportReprocessCommand(setup),
  },
  {
    name: 'verify',
    argument: '<file|url...>',
    summary: 'verify zips, or everything that an index lists',
    load: async (setup) => (await import('../export-file/commands.ts')).verifyCommand(setup),
  },
  {
    name: 'show',
    argument: '<file>',
    summary: 'print the content of a zip',
    load: async (setup) => (await import('../export-file/commands.ts')).showCommand(setup),
  },
];

/** The group. */
export async function exportCommand(setup: CommandSetup): Promise<Command> {
  const group = new Command('export').description('Build, list, plan, explain, rebuild, verify and show export files.');
  await mountCommands(group, commands, setup);
  return group;
}
