/** `enmesh doctor`: what an installation depends on, one line a check. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import type { Finding } from '../doctor/finding.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar } from '../progress.ts';
import { count } from '../table.ts';

/** The command. */
export function doctorCommand({ io }: CommandSetup): Command {
  return new Command('doctor')
    .description(
      'Check everything that this installation depends on: one line each, with the cause and the cure. Without ' +
        'ENMESH_DATABASE_URL, the `enmesh dev` that runs in ENMESH_DATA_DIR is examined. Exit 1 when a check fails.',
    )
    .option('--dev', 'compare with the development defaults, for an `enmesh dev` with its own ENMESH_DATABASE_URL')
    .option('--json', 'print the findings as JSON')
    .action(async (options: { dev?: true; json?: true }) => {
      const { examine } = await import('../doctor/examine.ts');
      const findings = await withBar(io, 'checking', () => examine(io, options.dev === true));
      if (options.json) printJson(io, { findings });
      else io.stdout.write(findings.map(describe).join(''));
      const failures = findings.filter(({ status }) => status === 'failed').length;
      if (failures > 0) {
        const message = `${String(failures)} of ${count(findings.length, 'check')} failed`;
        throw new AppError('precondition', 'checks_failed', message);
      }
    });
}

function describe({ status, check, message, cure }: Finding): string {
  const cureText = cure === '' ? '' : `; ${cure}`;
  return `${status.padEnd(7)}  ${check.padEnd(15)}  ${message}${cureText}\n`;
}
