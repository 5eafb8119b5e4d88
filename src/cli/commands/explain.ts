/** `enmesh explain`: what the running installation makes of a request. */
import { Command } from 'commander';
import { ApiVersion, OperationsServiceDefinition } from '../../gen/enmesh/operations/v1/operations.ts';
import { time } from '../arguments.ts';
import { serverOption, withClient } from '../connect.ts';
import { showExplanation } from '../explanation.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { readRequestBody } from '../phone/request-body.ts';

/** As commander hands them over. */
interface Options {
  readonly v1alpha1?: true;
  readonly at?: Date;
  readonly server?: string;
  readonly json?: true;
}

/** The command with its one subcommand. */
export function explainCommand(setup: CommandSetup): Command {
  return new Command('explain')
    .description('Explain what becomes of a request.')
    .addCommand(explainPublishCommand(setup));
}

function explainPublishCommand({ io, exitWith }: CommandSetup): Command {
  return new Command('publish')
    .summary('go through a publish step by step, and store nothing')
    .description(
      'Go through a publish step by step, with the texts that the HMAC covers, and store nothing. Exit 1 when it would be refused.',
    )
    .argument('<file>', "the request's body as it was sent; - reads it from the standard input")
    .option('--v1alpha1', 'it was sent to POST /, not to POST /v1/publish')
    .option('--at <time>', 'as if it had come then: 2026-03-15T13:47:30Z (default: now)', time)
    .addOption(serverOption('server'))
    .option('--json', 'print the steps and the answer as JSON')
    .action(async (file: string, options: Options) => {
      const isAccepted = await explainPublish(io, file, options);
      if (!isAccepted) exitWith(1);
    });
}

/** Tells whether the publish would be answered 200. */
async function explainPublish(io: Io, file: string, { v1alpha1, at, server, json }: Options): Promise<boolean> {
  const body = await readRequestBody(io, file);
  const apiVersion = v1alpha1 ? ApiVersion.V1ALPHA1 : ApiVersion.V1;
  const request = { body, apiVersion, ...(at ? { at } : {}) };
  const explanation = await withClient(OperationsServiceDefinition, { io, role: 'server', server }, (client) =>
    client.explainPublish(request),
  );
  if (json) printJson(io, explanation);
  else showExplanation(io, explanation);
  return explanation.answer?.status === 200;
}
