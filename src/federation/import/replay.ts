/** Judges keys of the quarantine again: time, settings or other files may have made them acceptable. */
import { AppError } from '../../domain/errors.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { quarantinedKeys, updateQuarantine, type QuarantinedKey } from '../../storage/imports/import-quarantine.ts';
import { importSources, reopenFiles, type ImportSource } from '../../storage/imports/imports.ts';
import { importMetrics } from './metrics.ts';
import type { ImportDeps } from './settings.ts';
import { takeIn } from './take-in.ts';

/** Keys of one transaction. */
const chunkKeys = 1_000;

/** What will be tried again, and what was taken in. */
export interface Retried {
  readonly files: number;
  /** Keys that left the quarantine. */
  readonly keys: number;
}

/**
 * Lets files that failed be tried again at once, and judges every refused key again.
 * @param name an import; undefined = all
 * @throws AppError not_found `import_not_found`
 */
export async function retryImports(deps: ImportDeps, name: string | undefined, signal: AbortSignal): Promise<Retried> {
  const { database, clock } = deps;
  const now = await databaseTime(database, clock);
  let files = 0;
  let keys = 0;
  for (const source of await namedSources(deps, name)) {
    files += await reopenFiles(database, source.id);
    for (const list of ['keys', 'revisedKeys'] as const) {
      keys += await replay(deps, { source, now, signal, list, onlyArrived: false });
    }
    keys += (await replayArrived(deps, { source, now, signal })).keys;
  }
  return { files, keys };
}

/**
 * The import of that name, or all.
 * @throws AppError not_found `import_not_found`
 */
export async function namedSources(
  { database }: Pick<ImportDeps, 'database'>,
  name: string | undefined,
): Promise<readonly ImportSource[]> {
  const sources = await importSources(database, name === undefined ? {} : { name });
  if (name !== undefined && sources.length === 0) {
    throw new AppError('not_found', 'import_not_found', 'no import has this name');
  }
  return sources;
}

interface Replay {
  readonly source: ImportSource;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Makes the revisions that came before their key, of keys that are here by now. */
export async function replayArrived(deps: ImportDeps, options: Replay): Promise<{ readonly keys: number }> {
  return { keys: await replay(deps, { ...options, list: 'revisedKeys', onlyArrived: true }) };
}

async function replay(
  deps: ImportDeps,
  { source, now, signal, list, onlyArrived }: Replay & { readonly list: KeyList; readonly onlyArrived: boolean },
): Promise<number> {
  let released = 0;
  let afterId = '0';
  for (;;) {
    signal.throwIfAborted();
    const filter = { importId: source.id, list, onlyArrived, afterId, limit: chunkKeys };
    const candidates = await quarantinedKeys(deps.database, filter);
    const last = candidates.at(-1);
    if (last === undefined) return released;
    afterId = last.id;
    released += await replayChunk(deps, { source, now, list, candidates });
  }
}

async function replayChunk(
  deps: ImportDeps,
  options: Pick<Replay, 'source' | 'now'> & { list: KeyList; candidates: readonly QuarantinedKey[] },
): Promise<number> {
  const { counts, released } = await deps.database.transaction(async (client) => {
    const { counts, accepted, withdrawn, ...outcome } = await takeIn(client, deps, options);
    const refused = outcome.refused.map(([{ id }, refusal]) => [id, refusal] as const);
    const released = [...accepted, ...withdrawn].map(({ id }) => id);
    return {
      counts: { ...counts, withdrawn: withdrawn.length },
      released: await updateQuarantine(client, { released, refused }),
    };
  });
  importMetrics(deps).keys(counts, []);
  return released;
}
