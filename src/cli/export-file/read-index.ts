/** Reads an index as phones do: its lines, appended to the base, are the files. */
import { dirname, join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { isUrl, readSource } from './source.ts';

const maxIndexBytes = 1024 * 1024;

/** True when the location is an index and not a zip. */
export function isIndex(location: string): boolean {
  return /(^|\/)index\.txt$/.test(isUrl(location) ? new URL(location).pathname : location);
}

/**
 * The locations of all files that an index lists, in its order.
 *
 * @param base put before each line; undefined: the index's grandparent, since each line begins with the filename root
 * @throws AppError `unavailable`/`source_unreadable`, `invalid`/`export_index_invalid`
 */
export async function readIndex(
  location: string,
  base: string | undefined,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const text = (await readSource(location, maxIndexBytes, signal)).toString('utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  const bad = lines.find((line) => !/^[\w.~!$&'()+,;=@/-]+\.zip$/.test(line) || /(^|\/)\.{0,2}\//.test(line));
  if (bad !== undefined) throw invalid(`${location}: a line of the index is no name of a zip`);
  if (new Set(lines).size < lines.length) throw invalid(`${location}: the index names a file twice`);
  const prefix = base === undefined ? defaultBase(location) : base.replace(/\/*$/, '/');
  return lines.map((line) => `${prefix}${line}`);
}

function defaultBase(location: string): string {
  return isUrl(location) ? new URL('../', location).href : `${join(dirname(location), '..')}/`;
}

function invalid(message: string): AppError {
  return new AppError('invalid', 'export_index_invalid', message);
}
