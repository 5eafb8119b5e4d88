/** Runs imports: index first, then every file that is due; several imports at a time, so that one that is dead keeps no other. */
import { setTimeout as wait } from 'node:timers/promises';
import { databaseTime } from '../../storage/database-time.ts';
import { dueFiles, isHeld } from '../../storage/imports/import-files.ts';
import type { ImportSource } from '../../storage/imports/imports.ts';
import { importFile } from './import-file.ts';
import { readIndex } from './read-index.ts';
import { namedSources } from './replay.ts';
import type { ImportDeps } from './settings.ts';
import { sideBySide } from '../side-by-side.ts';

/** Each may hold a whole file in memory, and a connection to the database. */
const atATime = 4;
/** How often to look whether another worker is done with a file. */
const pollMs = 200;

/** What to run. */
export interface RunOptions {
  /** An import; undefined = all. */
  readonly name?: string;
  /**
   * Somebody asked: indexes are read although it is not their time, files are tried although they failed a moment ago,
   * and those in other hands are waited for.
   */
  readonly isAsked: boolean;
  /** No file of an import is begun later than so long after its index; the next run goes on. Unlimited when not given. */
  readonly fileLimitMs?: number;
  readonly signal: AbortSignal;
}

/** How far a run is. */
export interface ImportProgress {
  readonly name: string;
  /** The import's part of the run is over. */
  readonly isDone: boolean;
}

/**
 * Runs them, and tells of each step. What is wrong with an index or a file is remembered with it.
 * @throws AppError not_found `import_not_found`; of the database
 */
export async function* runImports(
  deps: ImportDeps,
  { name, signal, ...terms }: RunOptions,
): AsyncGenerator<ImportProgress, void, undefined> {
  const ended = new AbortController();
  const options = { ...terms, signal: AbortSignal.any([signal, ended.signal]) };
  const sources = await namedSources(deps, name);
  try {
    yield* sideBySide(
      sources.map((source) => runImport(deps, source, options)),
      atATime,
    );
  } finally {
    // Whatever is still at work belongs to a run that is over.
    ended.abort();
  }
}

async function* runImport(
  deps: ImportDeps,
  source: ImportSource,
  options: Omit<RunOptions, 'name'>,
): AsyncGenerator<ImportProgress> {
  const { name } = source;
  if (options.isAsked || (await isIndexDue(deps, source))) {
    await readIndex(deps, source, options.signal);
    yield { name, isDone: false };
  }
  const startedAt = performance.now();
  for (const fileId of await filesOf(deps, source, options)) {
    if (performance.now() - startedAt > (options.fileLimitMs ?? Infinity)) break;
    await finishFile(deps, { ...options, source, fileId });
    yield { name, isDone: false };
  }
  yield { name, isDone: true };
}

async function isIndexDue({ database, clock, settings }: ImportDeps, { indexTriedAt }: ImportSource): Promise<boolean> {
  const now = await databaseTime(database, clock);
  return indexTriedAt === null || now.getTime() - indexTriedAt.getTime() >= settings.intervalSeconds * 1000;
}

async function filesOf(
  { database, clock }: ImportDeps,
  { id }: ImportSource,
  { isAsked }: Pick<RunOptions, 'isAsked'>,
): Promise<readonly string[]> {
  return await dueFiles(database, id, { clock, ignoreBackOff: isAsked, withHeld: isAsked });
}

/** Imports the file, or waits until whoever has it is done with it. */
async function finishFile(
  deps: ImportDeps,
  {
    isAsked,
    source,
    fileId,
    signal,
  }: Omit<RunOptions, 'name'> & { readonly source: ImportSource; readonly fileId: string },
): Promise<void> {
  for (;;) {
    const outcome = await importFile(deps, { source, fileId, ignoreBackOff: isAsked, signal });
    if (outcome !== 'taken' || !isAsked || !(await isHeld(deps.database, fileId))) return;
    await wait(pollMs, undefined, { signal });
  }
}
