/** Reads an index as phones do: its lines, appended to the base, are the files. */
import { dirname, join, posix, resolve, sep } from 'node:path';
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
 * @param base put before each line; undefined: the folder above the filename root, with which each line begins
 * @throws AppError `unavailable`/`source_unreadable`, `invalid`/`export_index_invalid`
 */
export async function readIndex(
  location: string,
  base: string | undefined,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const text = (await readSource(location, { maxBytes: maxIndexBytes, signal })).toString('utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  const bad = lines.find((line) => !/^[\w.~!$&'()+,;=@/-]+\.zip$/.test(line) || /(^|\/)\.{0,2}\//.test(line));
  if (bad !== undefined) throw invalid(`${location}: a line of the index is no name of a zip`);
  if (new Set(lines).size < lines.length) throw invalid(`${location}: the index names a file twice`);
  const prefix = base === undefined ? defaultBase(location, lines) : base.replace(/\/*$/, '/');
  return lines.map((line) => `${prefix}${line}`);
}

/** A root may have several parts. Beside the lines of the index's own there are those of roots that the export has left. */
function defaultBase(location: string, lines: readonly string[]): string {
  const folder = isUrl(location)
    ? dirname(new URL(location).pathname)
    : dirname(resolve(location)).replaceAll(sep, '/');
  const depths = lines
    .map((line) => posix.dirname(line))
    .filter((root) => folder.endsWith(`/${root}`))
    .map((root) => root.split('/').length);
  const up = Array.from({ length: Math.max(1, ...new Set(depths)) }, () => '..');
  return isUrl(location) ? new URL(`${up.join('/')}/`, location).href : `${join(dirname(location), ...up)}/`;
}

function invalid(message: string): AppError {
  return new AppError('invalid', 'export_index_invalid', message);
}
