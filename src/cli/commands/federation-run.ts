/** `enmesh federation pull` and `push`: runs an exchange now and tells how far it is. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { PartnerServiceDefinition, type Partner } from '../../gen/enmesh/federation/v1/partners.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { describeProblems, hasFailed, partnerJson, partnerTable, type Driven } from '../partners.ts';
import { withBar, type Bar } from '../progress.ts';
import { count } from '../table.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

const words = {
  pull: { description: 'Take in now what partners share with us.', label: 'pulling', none: 'pulled from' },
  push: { description: 'Bring to partners now what is new.', label: 'pushing', none: 'pushed to' },
} as const;

/** The command for that direction. */
export function federationRunCommand({ io }: CommandSetup, direction: Driven): Command {
  const { description, label, none } = words[direction];
  return new Command(direction)
    .description(`${description} Exit 1 when a partner failed.`)
    .argument('[partner]', 'a partner; none named = all that are not paused', '')
    .addOption(serverOption('federation'))
    .option('--json', 'print the partners as JSON')
    .action(async (name: string, options: Options) => {
      const partners = await withBar(io, label, (bar) => runExchanges(io, { direction, name, ...options, bar }));
      if (options.json) printJson(io, { partners: partners.map(partnerJson) });
      else if (partners.length === 0) io.stdout.write(`no partner is ${none}\n`);
      else io.stdout.write(partnerTable(partners, [direction]) + describeProblems(partners, [direction]));
      const failed = partners.filter((partner) => hasFailed(partner, direction)).length;
      if (failed > 0) {
        const message = `${String(failed)} of ${count(partners.length, 'partner')} failed`;
        throw new AppError('unavailable', 'federation_incomplete', message);
      }
    });
}

interface Run extends Options {
  readonly direction: Driven;
  readonly name: string;
  readonly bar: Bar;
}

/** Each partner as it stood at the end, by name. */
async function runExchanges(io: Io, { direction, name, server, bar }: Run): Promise<readonly Partner[]> {
  const connection = { io, role: 'federation', server, timeoutMs: longCallMs } as const;
  return await withClient(PartnerServiceDefinition, connection, async (client) => {
    const latest = new Map<string, Partner>();
    const crossedBefore = new Map<string, bigint>();
    for await (const { partner } of client[direction]({ name }, { signal: bar.signal })) {
      if (partner === undefined) continue;
      latest.set(partner.name, partner);
      if (!crossedBefore.has(partner.name)) crossedBefore.set(partner.name, partner[direction]?.keys ?? 0n);
      bar.update(progress([...latest.values()], { direction, crossedBefore, current: partner.name }));
    }
    return [...latest.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

function progress(
  partners: readonly Partner[],
  run: { readonly direction: Driven; readonly crossedBefore: ReadonlyMap<string, bigint>; readonly current: string },
): { readonly done: number; readonly total: number; readonly detail: string } {
  let done = 0;
  let waiting = 0;
  for (const partner of partners) {
    const { keys = 0n, lagKeys = 0n } = partner[run.direction] ?? {};
    done += Number(keys - (run.crossedBefore.get(partner.name) ?? 0n));
    waiting += Number(lagKeys);
  }
  return { done, total: done + waiting, detail: run.current };
}
