/** Imports one file: from the lease to the last of its keys. */
import { randomUUID } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { importRetrySeconds } from '../../domain/import/retry-delay.ts';
import { databaseTime } from '../../storage/database-time.ts';
import {
  giveBackFile,
  leaseFile,
  markImported,
  type FileHolder,
  type LeasedFile,
} from '../../storage/imports/import-files.ts';
import { importPublicKeys, type ImportSource } from '../../storage/imports/imports.ts';
import { fetchFile } from './fetch.ts';
import { importMetrics } from './metrics.ts';
import { replayArrived } from './replay.ts';
import type { ImportDeps } from './settings.ts';
import { leaseLost, storeKeys } from './store-keys.ts';
import { openVerifiedFile } from './verified-file.ts';

/** Characters of a fault that are kept. */
const longestFault = 300;

/** How it ended: `taken` = somebody else has it in hand, or it is done. */
export type FileOutcome = 'imported' | 'failed' | 'taken';

/** Which file, and how eagerly. */
export interface FileOptions {
  readonly source: ImportSource;
  readonly fileId: string;
  /** Also when it failed a moment ago. */
  readonly ignoreBackOff: boolean;
  readonly signal: AbortSignal;
}

/**
 * Imports the file if nobody else does. Whatever is wrong with it is remembered with the file, which is tried again later.
 * @throws the signal's reason when it aborts; AppError when the database does not answer
 */
export async function importFile(deps: ImportDeps, options: FileOptions): Promise<FileOutcome> {
  const { database, clock, settings } = deps;
  const holder = { fileId: options.fileId, owner: randomUUID() };
  const terms = { clock, leaseSeconds: settings.leaseSeconds, ignoreBackOff: options.ignoreBackOff };
  const file = await leaseFile(database, holder, terms);
  if (file === null) return 'taken';
  try {
    // Its last try ended with its worker.
    if (importRetrySeconds(file.attempts - 1) === null) throw dying();
    await takeFile(deps, { ...options, holder, name: file.name });
    importMetrics(deps).file('imported');
    return 'imported';
  } catch (error) {
    return await giveBack(deps, { ...options, holder, file }, error);
  }
}

interface Work extends FileOptions {
  readonly holder: FileHolder;
  readonly name: string;
}

async function takeFile(deps: ImportDeps, { source, holder, name, signal }: Work): Promise<void> {
  const { database, clock, settings, logger } = deps;
  const zip = await fetchFile(deps, { source, name }, signal);
  const now = await databaseTime(database, clock);
  const publicKeys = await importPublicKeys(database, source.id);
  const bin = await openVerifiedFile(zip, { publicKeys, now }, settings);
  const counts = await storeKeys(deps, { source, holder, now }, bin, signal);
  const replayed = await replayArrived(deps, { source, now, signal });
  if (!(await markImported(database, holder))) throw leaseLost();
  logger.info({ import: source.name, file: name, ...counts, replayed: replayed.keys }, 'a file was imported');
}

async function giveBack(
  deps: ImportDeps,
  { source, holder, file, signal }: FileOptions & { readonly holder: FileHolder; readonly file: LeasedFile },
  error: unknown,
): Promise<FileOutcome> {
  const { database, clock, logger } = deps;
  if (signal.aborted) {
    await giveBackFile(database, holder, { clock, error: null, retryAfterSeconds: 0 });
    throw signal.reason;
  }
  const code = error instanceof AppError ? error.code : 'internal_error';
  if (code === 'lease_lost') return 'taken';
  const fault = error instanceof AppError ? plain(error.message) : 'the file could not be taken in: a fault of ours';
  const retryAfterSeconds = importRetrySeconds(file.attempts);
  await giveBackFile(database, holder, { clock, error: fault, retryAfterSeconds });
  const fields = { import: source.name, file: file.name, attempts: file.attempts, code, fault, retryAfterSeconds };
  logger.warn(error instanceof AppError ? fields : { ...fields, err: error }, 'a file could not be imported');
  importMetrics(deps).file('failed');
  return 'failed';
}

/** What is wrong with a zip is told in words that may come out of it: no such byte may keep the fault from being stored. */
function plain(message: string): string {
  return message.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, longestFault);
}

function dying(): AppError {
  return new AppError('internal', 'internal_error', 'every worker that had the file in hand ended in the middle of it');
}
