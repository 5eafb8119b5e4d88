/** JSON files that a person names on the command line. */
import { readFile } from 'node:fs/promises';
import { AppError } from '../../domain/errors.ts';

/**
 * Reads a file that holds one JSON object.
 * @param cure what to do when there is no such file
 * @throws AppError `invalid_configuration` naming the file
 */
export async function readJsonObject(path: string, cure: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', 'invalid_configuration', `${path} cannot be read; ${cure}`, { cause: error });
  }
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('invalid', 'invalid_configuration', `${path} does not hold a JSON object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
