/** Verifies everything that a command line names, file after file. */
import { AppError } from '../../domain/errors.ts';
import { largestZipBytes } from '../../domain/export-file/format.ts';
import type { VerificationKey } from './public-keys.ts';
import { isIndex, readIndex } from './read-index.ts';
import { readSource } from './source.ts';
import { SeriesCheck } from './verify-series.ts';
import { unreadableFile, verifyFile, type FileReport, type VerifiedFile } from './verify.ts';

/** How files are found and checked. */
export interface VerifyOptions {
  readonly publicKeys: readonly VerificationKey[];
  /** Put before the lines of an index. */
  readonly base?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * One report a file, as soon as it is there; an index that can't be read gets a report of its own. The files of an index
 * are checked against each other, zips that are named one by one are not.
 */
export async function* verifyLocations(
  locations: readonly string[],
  options: VerifyOptions,
): AsyncGenerator<FileReport> {
  for (const location of locations) {
    if (isIndex(location)) yield* verifyIndex(location, options);
    else yield (await verifyLocation(location, options)).report;
  }
}

async function* verifyIndex(location: string, options: VerifyOptions): AsyncGenerator<FileReport> {
  const series = new SeriesCheck();
  let files: readonly string[];
  try {
    files = await readIndex(location, options.base, options.signal);
  } catch (error) {
    yield unreadableFile(location, faultOf(error)).report;
    return;
  }
  for (const file of files) yield series.add(await verifyLocation(file, options));
}

async function verifyLocation(location: string, { publicKeys, signal }: VerifyOptions): Promise<VerifiedFile> {
  try {
    return await verifyFile(location, await readSource(location, largestZipBytes, signal), publicKeys);
  } catch (error) {
    return unreadableFile(location, faultOf(error));
  }
}

/** What is wrong with the source is a fault of the file; anything else, such as an abort, ends the command. */
function faultOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  throw error;
}
