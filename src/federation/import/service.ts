/** ImportService: importing now, where it stands, and once more, for operators. */
import type * as proto from '../../gen/enmesh/federation/v1/import.ts';
import { importStates } from '../../storage/imports/imports.ts';
import { namedSources, retryImports } from './replay.ts';
import { runImports } from './run.ts';
import type { ImportDeps } from './settings.ts';
import { toImportMessage } from './wire.ts';

/**
 * Implements the contract; who may call what is decided before a call arrives here.
 * @param stopping aborts work on files, which are given back
 */
export function createImportService(deps: ImportDeps, stopping: AbortSignal): proto.ImportServiceImplementation {
  return {
    runImports: (request, { signal }) => run(deps, request, AbortSignal.any([signal, stopping])),
    listImports: async ({ name }) => {
      await namedSources(deps, nameOf(name));
      return { imports: (await importStates(deps.database, filter(name))).map(toImportMessage) };
    },
    retryImports: async ({ name }, { signal }) => {
      const { files, keys } = await retryImports(deps, nameOf(name), AbortSignal.any([signal, stopping]));
      return { files, keys: BigInt(keys) };
    },
  };
}

async function* run(
  deps: ImportDeps,
  { name }: proto.RunImportsRequest,
  signal: AbortSignal,
): AsyncGenerator<proto.RunImportsResponse> {
  for await (const progress of runImports(deps, { ...filter(name), isAsked: true, signal })) {
    const [state] = await importStates(deps.database, { name: progress.name });
    if (state !== undefined) yield { import: toImportMessage(state), isDone: progress.isDone };
  }
}

function nameOf(name: string): string | undefined {
  return name === '' ? undefined : name;
}

function filter(name: string): { name?: string } {
  return name === '' ? {} : { name };
}
