/** Published files that the database does not know, as after a restore of it: they are adopted, never overwritten. */
import { AppError } from '../../domain/errors.ts';
import { parseFileName } from '../../domain/export/file-name.ts';
import { adoptFile, unknownNames } from '../../storage/exports/adoption.ts';
import type { BlobStore } from '../../storage/blob/blob-store.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { configuredExports, plannableExports, type PlannableExport } from '../../storage/exports/exports.ts';
import { dueWindows, type ExportWindow } from '../../domain/export/windows.ts';
import { addSeconds } from '../../domain/windows.ts';
import { readIndexNames } from '../index/read-index.ts';
import { everyPublicKey } from '../keys/every-public-key.ts';
import type { ExportDeps } from '../settings.ts';
import { readOwnFile } from './own-file.ts';

type Deps = Pick<ExportDeps, 'database' | 'blobStore' | 'keyManager' | 'clock' | 'settings' | 'logger'>;

/**
 * Looks into the bucket of each export that is not on hold. A file that the index there lists becomes the batch's again,
 * byte for byte; one that no index lists never reached a phone: its keys are taken, its batch is built under another
 * name, and it is cleaned up. Keys that the database lacks come back out of both.
 *
 * Exports of short periods come first: their files tell best when a key came in.
 *
 * @param foreign names of objects that are none of ours, which are not read again; new ones are added
 * @returns how many files were adopted
 * @throws AppError of the database; an export whose bucket or keys cannot be read, or of which a worker has a batch in hand that is
 *   to be adopted, is left to the next time
 */
export async function adoptPublishedFiles(deps: Deps, foreign: Set<string> = new Set()): Promise<number> {
  let adopted = 0;
  const exports = await plannableExports(deps.database, deps.settings.maxRecords);
  for (const series of exports.toSorted((a, b) => a.periodSeconds - b.periodSeconds)) {
    try {
      adopted += await adoptOf(deps, series, foreign);
    } catch (error) {
      if (!(error instanceof AppError) || !isPassing(error)) throw error;
      deps.logger.warn({ err: error, export: series.name }, 'files in the bucket could not be adopted now');
    }
  }
  return adopted;
}

/**
 * Adopts what the export's index lists, in its bucket. Whoever writes an index, or decides what files hold, does this
 * first: lines that the database does not know would be lost, and their keys published again.
 *
 * @param owner whose batches may be taken although they are in hand; none, when not given
 * @throws AppError of the database, the key manager or the blob store; `conflict`/`batch_in_progress` when a worker has a batch in hand that
 *   is to be adopted
 */
export async function adoptListedFiles(deps: Deps, exportId: number, owner?: string): Promise<void> {
  const exports = await configuredExports(deps.database, deps.settings.maxRecords);
  const series = exports.find(({ id }) => id === exportId);
  if (series === undefined) return;
  const listed = await listedNames(deps.blobStore, series);
  await adoptUnknown(deps, series, {
    names: [...listed],
    listed,
    foreign: new Set(),
    ...(owner === undefined ? {} : { owner }),
  });
}

async function adoptOf(deps: Deps, series: PlannableExport, foreign: Set<string>): Promise<number> {
  const { database, blobStore } = deps;
  const names = (await fileNames(blobStore, series)).filter((name) => !foreign.has(objectOf(series, name)));
  // Names are written down before anything is uploaded, so whatever was listed before this query is known to it.
  if ((await unknownNames(database, series.bucket, names)).length === 0) return 0;
  return await adoptUnknown(deps, series, { names, listed: await listedNames(blobStore, series), foreign });
}

interface Search {
  /** Of files in the export's bucket. */
  readonly names: readonly string[];
  /** What the index lists. */
  readonly listed: ReadonlySet<string>;
  readonly foreign: Set<string>;
  readonly owner?: string;
}

async function adoptUnknown(
  deps: Deps,
  series: PlannableExport,
  { names, listed, foreign, owner }: Search,
): Promise<number> {
  const { database, logger } = deps;
  const unknown = await unknownNames(database, series.bucket, names);
  if (unknown.length === 0) return 0;
  const publicKeys = await everyPublicKey(deps, series.id);
  let adopted = 0;
  for (const name of unknown) {
    const found = { name, isListed: listed.has(name), publicKeys, ...(owner === undefined ? {} : { owner }) };
    const isOurs = await adoptOne(deps, series, found);
    if (isOurs) adopted += 1;
    else foreign.add(objectOf(series, name));
  }
  if (adopted > 0) logger.warn({ export: series.name, files: adopted }, 'published files that the database lacked');
  return adopted;
}

interface Found {
  readonly name: string;
  readonly isListed: boolean;
  /** SPKI PEM. */
  readonly publicKeys: readonly string[];
  readonly owner?: string;
}

/** @returns false for an object that is no file of this export */
async function adoptOne(deps: Deps, series: PlannableExport, found: Found): Promise<boolean> {
  const { database, blobStore, clock, settings, logger } = deps;
  const { name, isListed, publicKeys, owner = null } = found;
  const { start, number } = parseFileName(name)!;
  try {
    const file = await readOwnFile(blobStore, { bucket: series.bucket, name }, { number, publicKeys });
    if (file === null) return true;
    const oldest = addSeconds(await databaseTime(database, clock), -settings.retentionSeconds);
    const revision = Math.round((start.getTime() - file.windowStart.getTime()) / 1000);
    if (revision < 0) throw new AppError('invalid', 'export_file_invalid', 'has another name than its times');
    const facts = { name, number, revision, isListed, isExpired: file.windowStart <= oldest };
    const missed = missedWindows(series, file.windowStart, oldest);
    await adoptFile(database, series, { file: { ...file, ...facts }, missed, clock, owner });
    return true;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'invalid') throw error;
    logger.error({ err: error, export: series.name, name }, 'an object in the bucket is no file of this export');
    return false;
  }
}

/** Planning goes on behind the newest batch, so windows between the newest that is known and the file's are planned with it. */
function missedWindows(series: PlannableExport, before: Date, oldest: Date): readonly ExportWindow[] {
  return series.latestEnd === null ? [] : dueWindows({ ...series, closedThrough: before, oldest, limit: Infinity });
}

async function fileNames(blobStore: BlobStore, { bucket, filenameRoot }: PlannableExport): Promise<string[]> {
  const names: string[] = [];
  for await (const name of blobStore.list(bucket, `${filenameRoot}/`)) {
    if (parseFileName(name)?.filenameRoot === filenameRoot) names.push(name);
  }
  return names;
}

async function listedNames(blobStore: BlobStore, series: PlannableExport): Promise<Set<string>> {
  const names = await readIndexNames(blobStore, series);
  return new Set([...names].filter((name) => parseFileName(name) !== undefined));
}

/** Goes by itself. */
function isPassing({ code }: AppError): boolean {
  return code.startsWith('blob_') || code.startsWith('key_manager_') || code === 'batch_in_progress';
}

function objectOf({ bucket }: PlannableExport, name: string): string {
  return `${bucket}\n${name}`;
}
