/** `enmesh jwks refresh`: reads the JWKS of health authorities now. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { OperationsServiceDefinition, type RefreshedJwks } from '../../gen/enmesh/operations/v1/operations.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar } from '../progress.ts';
import { count, formatTable } from '../table.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** The group. */
export function jwksCommand(setup: CommandSetup): Command {
  return new Command('jwks')
    .description('Keys of health authorities that are published as JWKS.')
    .addCommand(refreshCommand(setup));
}

function refreshCommand({ io }: CommandSetup): Command {
  return new Command('refresh')
    .description('Read the JWKS of health authorities now. Exit 1 when one could not be read.')
    .argument('[issuer]', 'a health authority; none named = all that have a JWKS')
    .addOption(serverOption('server'))
    .option('--json', 'print the results as JSON')
    .action(async (issuer: string | undefined, options: Options) => {
      const connection = { io, role: 'server', server: options.server, timeoutMs: longCallMs } as const;
      const { results } = await withBar(io, 'reading', ({ signal }) =>
        withClient(OperationsServiceDefinition, connection, (client) =>
          client.refreshJwks({ issuer: issuer ?? '' }, { signal }),
        ),
      );
      if (options.json) printJson(io, { results });
      else io.stdout.write(results.length === 0 ? 'no health authority has a jwksUri\n' : resultTable(results));
      const failed = results.filter(({ error }) => error !== '').length;
      if (failed > 0) {
        throw new AppError(
          'unavailable',
          'jwks_incomplete',
          `${String(failed)} of ${count(results.length, 'JWKS', 'JWKS')} could not be read`,
        );
      }
    });
}

function resultTable(results: readonly RefreshedJwks[]): string {
  const table = formatTable(
    [
      { heading: 'ISSUER' },
      { heading: 'ADDED' },
      { heading: 'REVOKED' },
      { heading: 'ACTIVE', align: 'right' },
      { heading: 'RESULT' },
    ],
    results.map(({ issuer, added, revoked, active, error }) => [
      issuer,
      added.join(' ') || '-',
      revoked.join(' ') || '-',
      String(active),
      error || 'read',
    ]),
  );
  const skipped = results.flatMap(({ issuer, skipped }) => skipped.map((reason) => `${issuer}: left out ${reason}\n`));
  return table + skipped.join('');
}
