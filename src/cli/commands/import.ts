/** `enmesh import`: takes in now what other authorities publish, or tells where each import stands. */
import { Command, Option } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { ImportServiceDefinition, type Import } from '../../gen/enmesh/federation/v1/import.ts';
import { longCallMs, serverOption, withClient } from '../connect.ts';
import { describeProblems, hasFailed, importTable } from '../imports.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar, type Bar } from '../progress.ts';
import { count } from '../table.ts';

interface Options {
  readonly list?: true;
  readonly retry?: true;
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function importCommand({ io }: CommandSetup): Command {
  return new Command('import')
    .description("Import other authorities' files now. Exit 1 when an index or a file could not be imported.")
    .argument('[name]', 'an import; none named = all', '')
    .addOption(new Option('--list', 'tell where each import stands, and do nothing').conflicts('retry'))
    .option('--retry', 'first open files that were given up, and judge keys in quarantine again')
    .addOption(serverOption('federation'))
    .option('--json', 'print the imports as JSON')
    .action(async (name: string, options: Options) => {
      const imports = options.list ? await listImports(io, name, options) : await runImports(io, name, options);
      if (options.json) printJson(io, { imports });
      else if (imports.length === 0) io.stdout.write('no import is configured\n');
      else io.stdout.write(importTable(imports) + describeProblems(imports));
      const failed = imports.filter(hasFailed).length;
      if (failed > 0 && !options.list) {
        throw new AppError(
          'unavailable',
          'import_incomplete',
          `${String(failed)} of ${count(imports.length, 'import')} failed`,
        );
      }
    });
}

async function listImports(io: Io, name: string, { server }: Options): Promise<readonly Import[]> {
  const connection = { io, role: 'federation', server } as const;
  return await withClient(
    ImportServiceDefinition,
    connection,
    async (client) => (await client.listImports({ name })).imports,
  );
}

async function runImports(io: Io, name: string, { server, retry, json }: Options): Promise<readonly Import[]> {
  const connection = { io, role: 'federation', server, timeoutMs: longCallMs } as const;
  return await withBar(io, 'importing', (bar) =>
    withClient(ImportServiceDefinition, connection, async (client) => {
      if (retry) {
        const { files, keys } = await client.retryImports({ name }, { signal: bar.signal });
        const told = `${count(files, 'file')} opened again, ${count(keys, 'key')} left the quarantine\n`;
        if (!json) bar.print(told);
      }
      const states = new Map<string, Import>();
      for await (const response of client.runImports({ name }, { signal: bar.signal })) {
        if (response.import === undefined) continue;
        states.set(response.import.name, response.import);
        show(bar, response.import, [...states.values()]);
      }
      return [...states.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    }),
  );
}

function show(bar: Bar, current: Import, all: readonly Import[]): void {
  const sum = (part: (state: Import) => number): number => all.reduce((total, state) => total + part(state), 0);
  bar.update({
    done: sum(({ importedFiles, failedFiles }) => importedFiles + failedFiles),
    total: sum(({ listedFiles }) => listedFiles),
    detail: current.name,
  });
}
