/** `enmesh federation check`: tries a partner's address, TLS, identity and grants, as a run would. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { PartnerServiceDefinition, type CheckPartnerResponse } from '../../gen/enmesh/federation/v1/partners.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { cureOf, ownRefusals } from '../partner-cures.ts';

interface Options {
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function federationCheckCommand({ io }: CommandSetup): Command {
  return new Command('check')
    .description("Try a partner's address, TLS, identity and grants now. Exit 1 when it does not answer as it must.")
    .argument('<partner>', 'name of the partner')
    .addOption(serverOption('federation'))
    .option('--json', 'print the answer as JSON')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'federation', server: options.server } as const;
      const answer = await withClient(PartnerServiceDefinition, connection, (client) =>
        client.checkPartner({ name }),
      ).catch((error: unknown) => {
        throw explained(name, error);
      });
      if (options.json) printJson(io, answer);
      else io.stdout.write(describe(name, answer));
    });
}

/** As `federation status` tells it: whose fault, the code, and what to do. */
function explained(name: string, error: unknown): unknown {
  if (!(error instanceof AppError) || ownRefusals.has(error.code)) return error;
  const { kind, code, message, details } = error;
  const cures = [cureOf(code) ?? []].flat();
  return new AppError(kind, code, `${name}: ${message} (${code})`, { cause: error, details: [...details, ...cures] });
}

function describe(name: string, answer: CheckPartnerResponse): string {
  const proof = answer.isServerVerified ? 'its server proved who it is' : 'its server did not prove who it is';
  const lines = [`${name} answers in ${String(answer.roundTripMs)} ms, protocol ${answer.version}; ${proof}`];
  if (answer.grants !== undefined) {
    lines.push(`it lets us read ${listed(answer.grants.offeredRegions)}`);
    lines.push(`it takes from us ${listed(answer.grants.acceptedRegions)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function listed(regions: readonly string[]): string {
  return regions.length === 0 ? 'nothing' : regions.join(', ');
}
