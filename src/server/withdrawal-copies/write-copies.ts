/** Writes what was withdrawn into the blob store, so that it outlives a restore of the database. */
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Database } from '../../storage/database.ts';
import {
  expiredCopies,
  areWithdrawalsCopied,
  fixNextCopy,
  forgetCopy,
  forgetExpiredHashes,
  noteCopyWritten,
  readFixedCopy,
  unwrittenCopies,
} from '../../storage/exposures/withdrawal-copies.ts';
import { readHashSecret } from '../../storage/exposures/withdrawal-replay.ts';
import { keepSecret, type SecretDeps } from './kept-secret.ts';
import { copyPlace, writeObject } from './places.ts';
import { copyKeys, sealCopy } from './sealed-copy.ts';

/** What copies are written with. */
export type CopyDeps = SecretDeps & {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: {
    /** ENMESH_WITHDRAWALS_BUCKET; null = nothing is copied. */
    readonly withdrawalsBucket: string | null;
    /** ENMESH_RETENTION. */
    readonly retentionSeconds: number;
  };
};

/**
 * Writes everything that no copy has yet. Killed anywhere, or done by several processes at once, it comes to the same:
 * what a copy holds is fixed before it is written, and stays here until it is.
 * @throws AppError of the database, the blob store or the key manager; then the rest waits for the next time
 */
export async function copyWithdrawals(deps: CopyDeps, signal: AbortSignal): Promise<void> {
  const { database, settings } = deps;
  const { withdrawalsBucket: bucket } = settings;
  if (bucket === null) return;
  for (;;) {
    const waiting = await unwrittenCopies(database);
    for (const id of waiting) {
      signal.throwIfAborted();
      await writeCopy(deps, bucket, id);
    }
    if (!(await fixNextCopy(database, { ...deps, ...settings }))) return;
  }
}

/**
 * Does it now; what fails is told in the log, and the job does it later.
 * @returns whether everything that was withdrawn is in the blob store
 */
export async function copyWithdrawalsNow(deps: CopyDeps, signal: AbortSignal): Promise<boolean> {
  const { database, settings, logger } = deps;
  if (settings.withdrawalsBucket === null) return false;
  try {
    await copyWithdrawals(deps, signal);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    logger.error({ err: error }, 'withdrawals could not be copied to the blob store; it is tried again every minute');
  }
  return await areWithdrawalsCopied(database);
}

async function writeCopy(deps: CopyDeps, bucket: string, id: string): Promise<void> {
  const { database, blobStore, clock, logger } = deps;
  const copy = await readFixedCopy(database, id);
  if (copy === null) return;
  const secret = await readHashSecret(database);
  await keepSecret(deps, bucket, secret);
  const keys = copyKeys(secret);
  const { name } = copyPlace(keys.id, id);
  await writeObject(blobStore, { bucket, name }, sealCopy(keys, name, copy));
  await noteCopyWritten(database, id, clock);
  logger.info({ copy: id, withdrawals: copy.withdrawals.length }, 'withdrawals were copied to the blob store');
}

/**
 * Deletes copies of which nothing counts any more, and forgets hashes that need no copy any more.
 * @returns how many objects could not be deleted; the next run tries again
 */
export async function deleteExpiredCopies(
  {
    database,
    blobStore,
    settings,
    logger,
  }: Pick<CopyDeps, 'database' | 'blobStore' | 'logger'> & {
    readonly settings: Partial<Pick<CopyDeps['settings'], 'withdrawalsBucket'>>;
  },
  now: Date,
): Promise<number> {
  const { withdrawalsBucket: bucket = null } = settings;
  await forgetExpiredHashes(database, now);
  const expired = bucket === null ? [] : await expiredCopies(database, now);
  const keysId = expired.length === 0 ? '' : copyKeys(await readHashSecret(database)).id;
  let failed = 0;
  for (const id of expired) {
    try {
      await blobStore.delete({ bucket: bucket!, name: copyPlace(keysId, id).name });
      await forgetCopy(database, id);
    } catch (error) {
      logger.warn({ err: error, copy: id }, 'a copy of withdrawals could not be deleted');
      failed += 1;
    }
  }
  return failed;
}
