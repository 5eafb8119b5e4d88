/** Verifies everything that a command line names, file after file. */
import { AppError } from '../../domain/errors.ts';
import { largestZipBytes } from '../../domain/export-file/format.ts';
import type { Step } from '../progress-line.ts';
import { formatBytes } from '../table.ts';
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
  /** Told how many files are done, and what is read just now. */
  readonly onStep: (step: Step) => void;
}

/**
 * One report a file, as soon as it is there; an index that can't be read gets a report of its own. The files of an index
 * are checked against each other, zips that are named one by one are not. One file is in memory at a time.
 */
export async function* verifyLocations(
  locations: readonly string[],
  options: VerifyOptions,
): AsyncGenerator<FileReport> {
  const count = { done: 0, total: locations.length };
  for (const location of locations) {
    if (isIndex(location)) yield* verifyIndex(location, options, count);
    else {
      yield (await verifyLocation(location, options, count)).report;
      count.done += 1;
    }
  }
}

/** Files that are done, of those that are known. */
interface FileCount {
  done: number;
  total: number;
}

async function* verifyIndex(location: string, options: VerifyOptions, count: FileCount): AsyncGenerator<FileReport> {
  const series = new SeriesCheck();
  let files: readonly string[];
  try {
    files = await readIndex(location, options.base, options.signal);
  } catch (error) {
    count.done += 1;
    yield unreadableFile(location, faultOf(error)).report;
    return;
  }
  // The index itself was counted as one.
  count.total += files.length - 1;
  for (const file of files) {
    yield series.add(await verifyLocation(file, options, count));
    count.done += 1;
  }
}

async function verifyLocation(
  location: string,
  { publicKeys, signal, onStep }: VerifyOptions,
  { done, total }: FileCount,
): Promise<VerifiedFile> {
  const name = location.replace(/^.*\//, '');
  const onBytes = (bytes: number): void => {
    onStep({ done, total, detail: `${name} ${formatBytes(bytes)}` });
  };
  onBytes(0);
  try {
    const zip = await readSource(location, { maxBytes: largestZipBytes, signal, onBytes });
    return await verifyFile(location, zip, publicKeys);
  } catch (error) {
    return unreadableFile(location, faultOf(error));
  }
}

/** What is wrong with the source is a fault of the file; anything else, such as an abort, ends the command. */
function faultOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  throw error;
}
