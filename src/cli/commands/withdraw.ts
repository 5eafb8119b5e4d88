/** `enmesh withdraw`: takes back the keys of an app, a health authority, a partner or an import, and shows what was taken back. */
import { Command } from 'commander';
import {
  OperationsServiceDefinition,
  WithdrawalScope,
  type Withdrawal,
} from '../../gen/enmesh/operations/v1/operations.ts';
import { wholeNumber } from '../arguments.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { formatTable, formatTime } from '../table.ts';
import {
  copyPendingText,
  scopeWords,
  withdrawKeys,
  withWithdrawOptions,
  type WithdrawOptions,
} from '../withdrawals.ts';

const subjects = [
  { scope: WithdrawalScope.APP, argument: 'id of the app', meaning: 'Withdraw keys published with an app.' },
  {
    scope: WithdrawalScope.HEALTH_AUTHORITY,
    argument: 'issuer of the health authority',
    meaning: "Withdraw keys published with a health authority's certificates.",
  },
  {
    scope: WithdrawalScope.PARTNER,
    argument: 'name of the partner',
    meaning: 'Withdraw keys that a partner brought, its own and those it passed on.',
  },
  { scope: WithdrawalScope.IMPORT, argument: 'name of the import', meaning: 'Withdraw keys of imported files.' },
] as const;

interface ListOptions {
  readonly limit: number;
  readonly server?: string;
  readonly json?: true;
}

/** The group. */
export function withdrawCommand(setup: CommandSetup): Command {
  const group = new Command('withdraw').description(
    'Take keys back for good: published ones go out again as revoked, others are deleted. Stop what brings them first.',
  );
  for (const subject of subjects) group.addCommand(subjectCommand(setup, subject));
  return group.addCommand(listCommand(setup));
}

function subjectCommand({ io }: CommandSetup, { scope, argument, meaning }: (typeof subjects)[number]): Command {
  const command = new Command(scopeWords.get(scope)).description(meaning).argument('<name>', argument);
  return withWithdrawOptions(command).action(async (name: string, options: WithdrawOptions) => {
    await withdrawKeys(io, { scope, name }, options);
  });
}

function listCommand({ io }: CommandSetup): Command {
  return new Command('list')
    .description('Show what was withdrawn, the newest first.')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 1000), 100)
    .addOption(serverOption('server'))
    .option('--json', 'print the withdrawals as JSON')
    .action(async ({ limit, server, json }: ListOptions) => {
      const connection = { io, role: 'server', server } as const;
      const { withdrawals, copyPending } = await withClient(OperationsServiceDefinition, connection, (client) =>
        client.listWithdrawals({ limit }),
      );
      const rows = withdrawals.map((each) => ({ ...each, scope: wordOf(each) }));
      if (json) printJson(io, { withdrawals: rows, copyPending });
      else io.stdout.write(withdrawals.length === 0 ? 'nothing was withdrawn\n' : withdrawalTable(withdrawals));
      if (copyPending) io.stderr.write(copyPendingText);
    });
}

function withdrawalTable(withdrawals: readonly Withdrawal[]): string {
  return formatTable(
    [
      { heading: 'ID', align: 'right' },
      { heading: 'AT' },
      { heading: 'KIND' },
      { heading: 'NAME' },
      { heading: 'SINCE' },
      { heading: 'UNTIL' },
      { heading: 'REVOKED', align: 'right' },
      { heading: 'DELETED', align: 'right' },
      { heading: 'FINISHED' },
    ],
    withdrawals.map((each) => [
      String(each.id),
      formatTime(each.at),
      wordOf(each),
      each.name,
      formatTime(each.since),
      formatTime(each.until),
      String(each.withdrawnKeys),
      String(each.deletedKeys),
      formatTime(each.finishedAt),
    ]),
  );
}

function wordOf({ scope }: Withdrawal): string {
  return scopeWords.get(scope) ?? 'unknown';
}
