/** `enmesh withdraw …` and `enmesh federation withdraw`: asks for a withdrawal and tells what came of it. */
import { setTimeout as wait } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import {
  OperationsServiceDefinition,
  WithdrawalScope,
  type WithdrawRequest,
  type WithdrawResponse,
} from '../gen/enmesh/operations/v1/operations.ts';
import type { GrpcClient } from '../platform/grpc/client.ts';
import { time } from './arguments.ts';
import { longCallMs, serverOption, withClient } from './connect.ts';
import { printJson, type Io } from './io.ts';
import { withBar, type Bar } from './progress.ts';
import { count } from './table.ts';

/** What the command line says. */
export interface WithdrawOptions {
  readonly since?: Date;
  readonly until?: Date;
  readonly dryRun?: true;
  readonly server?: string;
  readonly json?: true;
}

type Client = GrpcClient<OperationsServiceDefinition>['client'];

/** Between two looks at how far it is. */
const lookMs = 500;

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
  const answer = await withBar(io, `withdrawing keys of ${subject.name}`, (bar) =>
    withClient(OperationsServiceDefinition, connection, async (client) => {
      const withdraw = async () => await client.withdraw(request, { signal: bar.signal });
      return bar.isShown && !isDryRun ? await following(client, { request, bar, withdraw }) : await withdraw();
    }),
  );
  if (json) printJson(io, answer);
  else io.stdout.write(tell(answer, isDryRun));
  if (answer.copyPending) io.stderr.write(copyPendingText);
}

/** What is withdrawn, and what that is not yet. */
export const copyPendingText =
  'not copied to the blob store yet, so a restore of the database would undo it: it is tried again every minute; the log of the server role, or `enmesh doctor`, says why (is ENMESH_WITHDRAWALS_BUCKET set?)\n';

interface Followed {
  readonly request: Omit<WithdrawRequest, 'dryRun'>;
  readonly bar: Bar;
  readonly withdraw: () => Promise<WithdrawResponse>;
}

/** The call answers when all is done; how far it is stands in the list of withdrawals. */
async function following(client: Client, { request, bar, withdraw }: Followed): Promise<WithdrawResponse> {
  const counted = await client.withdraw({ ...request, dryRun: true }, { signal: bar.signal });
  const total = Number(keysOf(counted));
  const ended = new AbortController();
  const answer = withdraw().finally(() => {
    ended.abort();
  });
  const signal = AbortSignal.any([ended.signal, bar.signal]);
  const follow = async (): Promise<void> => {
    for (;;) {
      bar.update({ done: Number(await withdrawnSoFar(client, request, signal)), total });
      await wait(lookMs, undefined, { signal });
    }
  };
  // A look that fails shows nothing, and is no reason to give up.
  await Promise.race([answer, follow().catch(() => answer)]);
  return await answer;
}

/** Of the newest one that is under way; none is before it is recorded. */
async function withdrawnSoFar(client: Client, request: Followed['request'], signal: AbortSignal): Promise<bigint> {
  const { withdrawals } = await client.listWithdrawals({ limit: 10 }, { signal });
  const mine = withdrawals.find(
    ({ scope, name, finishedAt }) =>
      scope === request.scope && name.toLowerCase() === request.name.toLowerCase() && finishedAt === undefined,
  );
  return mine === undefined ? 0n : keysOf(mine);
}

function keysOf({ withdrawnKeys, deletedKeys }: Pick<WithdrawResponse, 'withdrawnKeys' | 'deletedKeys'>): bigint {
  return withdrawnKeys + deletedKeys;
}

function tell({ id, withdrawnKeys, deletedKeys }: WithdrawResponse, isDryRun: boolean): string {
  const published = count(withdrawnKeys, 'key');
  const unpublished = count(deletedKeys, 'key');
  if (isDryRun) return `would go out again as revoked: ${published}; would be deleted unpublished: ${unpublished}\n`;
  return `withdrawal ${String(id)}: ${published} will go out again as revoked, ${unpublished} deleted unpublished\n`;
}
