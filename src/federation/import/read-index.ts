/** Reads an import's index: new files are put down to be imported; what is no index changes nothing. */
import { AppError } from '../../domain/errors.ts';
import { listedFiles } from '../../domain/import/listed-files.ts';
import { noteIndex, type ImportSource, type IndexReading } from '../../storage/imports/imports.ts';
import { fetchIndex } from './fetch.ts';
import type { ImportDeps } from './settings.ts';

/** @throws AppError of the database; an index that cannot be read is told and remembered, not thrown */
export async function readIndex(deps: ImportDeps, source: ImportSource, signal: AbortSignal): Promise<void> {
  const { database, clock, logger } = deps;
  const reading = await read(deps, source, signal);
  const change = await database.transaction((client) => noteIndex(client, source.id, { ...reading, clock }));
  const fields = { import: source.name, ...change };
  if (reading.error !== null) logger.warn({ ...fields, fault: reading.error }, 'the index of an import has faults');
  else if (change.discovered + change.givenUp > 0) logger.info(fields, 'the files of an import changed');
}

/**
 * A server that fails may answer 200 with a page or with nothing: only an index that lists files, and nothing but files,
 * says that others are gone.
 */
async function read(deps: ImportDeps, source: ImportSource, signal: AbortSignal): Promise<IndexReading> {
  try {
    const { names, refusedLines } = listedFiles(await fetchIndex(deps, source, signal));
    if (refusedLines === 0) return { names, isWhole: names.length > 0, error: null };
    const error = `${String(refusedLines)} of its lines are no names of zips and are passed over`;
    if (names.length > 0) return { names, isWhole: false, error };
    return { names: null, isWhole: false, error: 'it is no index: no line is the name of a zip' };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError)) throw error;
    return { names: null, isWhole: false, error: error.message };
  }
}
