/** `enmesh migrate`: the schema, and nothing else. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { readValues } from '../../platform/config/load.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { count } from '../table.ts';

/** The command. */
export function migrateCommand({ io }: CommandSetup): Command {
  return new Command('migrate')
    .description('Bring the schema of ENMESH_DATABASE_DIRECT_URL (or ENMESH_DATABASE_URL) up to date and stop.')
    .option('--json', 'print what was applied as JSON')
    .action(async (options: { json?: true }) => {
      const values = await readValues(io.env, false);
      const url = values.ENMESH_DATABASE_DIRECT_URL ?? values.ENMESH_DATABASE_URL;
      if (url === undefined) {
        const cure = 'set it to the database to migrate; `enmesh dev` migrates its own';
        throw new AppError('invalid', 'invalid_configuration', `ENMESH_DATABASE_URL is not set; ${cure}`);
      }
      const { migrate } = await import('../../storage/migrate.ts');
      const { applied } = await migrate(url);
      if (options.json) {
        printJson(io, { applied });
        return;
      }
      for (const name of applied) io.stdout.write(`applied ${name}\n`);
      io.stdout.write(applied.length === 0 ? 'the schema is up to date\n' : `${count(applied.length, 'migration')}\n`);
    });
}
