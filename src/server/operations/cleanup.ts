/** Deletes what is past its time: keys, receipts, padding, counters, files, batches and copies of withdrawals. Stopped anywhere, the next run goes on. */
import { AppError } from '../../domain/errors.ts';
import { firstKeptDay } from '../../domain/statistics/released-days.ts';
import { indexName } from '../../domain/export/file-name.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { BlobStore } from '../../storage/blob/blob-store.ts';
import {
  deleteExposures,
  deleteImportFiles,
  deletePaddingKeys,
  deletePartnerQuarantine,
  deletePushedBatches,
  deleteQuarantine,
  deleteReceipts,
  deleteTombstones,
} from '../../storage/cleanup.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Database } from '../../storage/database.ts';
import {
  abandonBatches,
  deleteBatches,
  findExpiredFiles,
  markFilesDeleted,
  restartGrace,
  type ExpiredFile,
} from '../../storage/exports/expired-files.ts';
import { unlistExpiredFiles } from '../../storage/exports/files.ts';
import { emptyPlaces, forgetPlace } from '../../storage/exports/former-places.ts';
import { deleteStatistics } from '../../storage/authorities/statistics.ts';
import { deleteExpiredCopies } from '../withdrawal-copies/write-copies.ts';

/** What cleaning up works with. */
export interface CleanupDeps {
  readonly database: Database;
  readonly blobStore: BlobStore;
  readonly clock: Clock;
  readonly settings: {
    /** ENMESH_RETENTION. */
    readonly retentionSeconds: number;
    /** ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH. */
    readonly maxIntervalAgeSeconds: number;
    /** ENMESH_WITHDRAWALS_BUCKET; none = there are no copies. */
    readonly withdrawalsBucket?: string | null;
  };
  readonly logger: Logger;
}

/** What went. */
export interface CleanupCounts {
  readonly exposures: number;
  readonly receipts: number;
  readonly paddingKeys: number;
  /** Hours of counters, of each authority and shard. */
  readonly statistics: number;
  readonly tombstones: number;
  readonly unlistedFiles: number;
  readonly deletedFiles: number;
  readonly batches: number;
}

/** Rows of one transaction: short enough that publishes wait for none. */
const chunkRows = 5_000;
/** Files between two notes of progress. */
const chunkFiles = 200;

/**
 * One run. A row of exactly the retention's age stays, an older one goes.
 * @throws AppError `unavailable`/`cleanup_incomplete` when blobs could not be deleted; all else was done
 */
export async function cleanUp(deps: CleanupDeps, signal: AbortSignal): Promise<CleanupCounts> {
  const { database, clock, settings, logger } = deps;
  const now = await databaseTime(database, clock);
  const before = new Date(now.getTime() - settings.retentionSeconds * 1000);
  const limits = { before, chunkRows, signal };
  const { maxIntervalAgeSeconds } = settings;
  const exposures = await deleteExposures(database, { ...limits, now, maxIntervalAgeSeconds });
  const tombstones = await deleteTombstones(database, { ...limits, before: now });
  const receipts = await deleteReceipts(database, { ...limits, before: now });
  const paddingKeys = await deletePaddingKeys(database, limits);
  const quarantinedKeys =
    (await deleteQuarantine(database, limits)) + (await deletePartnerQuarantine(database, limits));
  const pushedBatches = await deletePushedBatches(database, limits);
  const importFiles = await deleteImportFiles(database, limits);
  const statistics = await deleteStatistics(database, firstKeptDay(now, settings.retentionSeconds));
  await abandonBatches(database, before, now);
  const unlistedFiles = await unlistExpiredFiles(database, { clock, ...settings });
  await restartGrace(database, now);
  const { deletedFiles, failedFiles: leftFiles } = await deleteFiles(deps, now, signal);
  const failedFiles = leftFiles + (await deleteExpiredCopies(deps, now));
  await deleteEmptyPlaces(deps, now);
  const batches = await deleteBatches(database, before);
  const deletedRows = { exposures, tombstones, receipts, paddingKeys, statistics };
  const counts = { ...deletedRows, unlistedFiles, deletedFiles, batches };
  logger.info({ ...counts, quarantinedKeys, pushedBatches, importFiles, failedFiles }, 'cleaned up');
  if (failedFiles > 0) {
    const message = `${String(failedFiles)} files could not be deleted from the blob store; the next run tries again`;
    throw new AppError('unavailable', 'cleanup_incomplete', message);
  }
  return counts;
}

async function deleteFiles(
  { database, blobStore, logger }: CleanupDeps,
  now: Date,
  signal: AbortSignal,
): Promise<{ deletedFiles: number; failedFiles: number }> {
  let deletedFiles = 0;
  let failedFiles = 0;
  let afterId = '0';
  while (!signal.aborted) {
    const files = await findExpiredFiles(database, { now, afterId, limit: chunkFiles });
    const last = files.at(-1);
    if (last === undefined) break;
    afterId = last.id;
    const deleted = await deleteBlobs(blobStore, files, logger);
    await markFilesDeleted(database, deleted);
    deletedFiles += deleted.length;
    failedFiles += files.length - deleted.length;
  }
  return { deletedFiles, failedFiles };
}

/** One blob that cannot be deleted does not keep the others. */
async function deleteBlobs(blobStore: BlobStore, files: readonly ExpiredFile[], logger: Logger): Promise<string[]> {
  const deleted: string[] = [];
  for (const { id, bucket, name } of files) {
    try {
      await blobStore.delete({ bucket, name });
      deleted.push(id);
    } catch (error) {
      logger.warn({ err: error, bucket, name }, 'a file could not be deleted');
    }
  }
  return deleted;
}

/** A place that an export has left goes with its last file. What cannot be deleted is tried again in the next run. */
async function deleteEmptyPlaces({ database, blobStore, logger }: CleanupDeps, now: Date): Promise<void> {
  for (const { id, bucket, filenameRoot } of await emptyPlaces(database, now)) {
    const name = indexName(filenameRoot);
    try {
      await blobStore.delete({ bucket, name });
      await forgetPlace(database, id);
    } catch (error) {
      logger.warn({ err: error, bucket, name }, 'an index could not be deleted');
    }
  }
}
