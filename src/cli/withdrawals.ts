/** `enmesh withdraw …` and `enmesh federation withdraw`: asks for a withdrawal and tells what came of it. */
import { Option, type Command } from 'commander';
import {
  OperationsServiceDefinition,
  WithdrawalScope,
  type WithdrawResponse,
} from '../gen/enmesh/operations/v1/operations.ts';
import { time } from './arguments.ts';
import { longCallMs, serverOption, withClient } from './connect.ts';
import { printJson, type Io } from './io.ts';
import { withBar } from './progress.ts';
import { count } from './table.ts';

/** What the command line says. */
export interface WithdrawOptions {
  readonly since?: Date;
  readonly until?: Date;
  readonly dryRun?: true;
  readonly server?: string;
  readonly json?: true;
}

/** What keys came by, in the words of the command line. */
export const scopeWords: ReadonlyMap<WithdrawalScope, string> = new Map([
  [WithdrawalScope.APP, 'app'],
  [WithdrawalScope.HEALTH_AUTHORITY, 'authority'],
  [WithdrawalScope.PARTNER, 'partner'],
  [WithdrawalScope.IMPORT, 'import'],
]);

/** Adds the options. */
export function withWithdrawOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--since <time>', 'only keys of the window that this lies in, and later ones').argParser(time),
    )
    .addOption(new Option('--until <time>', 'only keys of windows that begin before').argParser(time))
    .option('--dry-run', 'only count the keys')
    .addOption(serverOption('server'))
    .option('--json', 'print the counts as JSON');
}

/** @throws AppError what the server role answered */
export async function withdrawKeys(
  io: Io,
  subject: { readonly scope: WithdrawalScope; readonly name: string },
  { since, until, dryRun, server, json }: WithdrawOptions,
): Promise<void> {
  const connection = { io, role: 'server', server, timeoutMs: longCallMs } as const;
  const isDryRun = dryRun ?? false;
  const request = { ...subject, since, until, dryRun: isDryRun };
  const answer = await withBar(io, `withdrawing keys of ${subject.name}`, ({ signal }) =>
    withClient(OperationsServiceDefinition, connection, (client) => client.withdraw(request, { signal })),
  );
  if (json) printJson(io, answer);
  else io.stdout.write(tell(answer, isDryRun));
}

function tell({ id, withdrawnKeys, deletedKeys }: WithdrawResponse, isDryRun: boolean): string {
  const published = count(withdrawnKeys, 'key');
  const unpublished = count(deletedKeys, 'key');
  if (isDryRun) return `would go out again as revoked: ${published}; would be deleted unpublished: ${unpublished}\n`;
  return `withdrawal ${String(id)}: ${published} will go out again as revoked, ${unpublished} deleted unpublished\n`;
}
