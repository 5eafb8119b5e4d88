/** `enmesh serve`: some roles, or all, in one process. */
import { Argument, Command } from 'commander';
import type { CommandSetup } from '../lazy-commands.ts';

const roles = ['gateway', 'server', 'export', 'federation'] as const;

/** The command. */
export function serveCommand({ io, exitWith }: CommandSetup): Command {
  return new Command('serve')
    .description(
      'Run roles in this process until it is asked to stop. Wants ENMESH_DATABASE_URL (the gateway alone does not).',
    )
    .addArgument(new Argument('[roles...]', 'roles to run; none named = all').choices(roles))
    .action(async (named: readonly string[]) => {
      const { runServe } = await import('../start/serve.ts');
      exitWith(await runServe(named, io));
    });
}
