/** After a restore of the database: does again what was withdrawn since, before anything is served. */
import { AppError } from '../../domain/errors.ts';
import type { WithdrawalCopy } from '../../domain/withdrawal/withdrawal-copy.ts';
import type { Job } from '../../platform/jobs.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { unknownCopies } from '../../storage/exposures/withdrawal-copies.ts';
import {
  beforeFirstKey,
  buryCopy,
  readHashSecret,
  takeHashSecret,
  withdrawBuried,
} from '../../storage/exposures/withdrawal-replay.ts';
import { isLookedThrough, noteLookedThrough, whileLooking } from '../../storage/restore-check.ts';
import { cleanUp } from '../operations/cleanup.ts';
import { finishWithdrawals, type WithdrawDeps } from '../operations/withdraw.ts';
import { keptSecret } from './kept-secret.ts';
import { listCopies, readObject, type CopyPlace } from './places.ts';
import { copyKeys, openCopy, type CopyKeys } from './sealed-copy.ts';
import { copyWithdrawals, type CopyDeps } from './write-copies.ts';

/** What a replay works with. */
export type ReplayDeps = CopyDeps & WithdrawDeps;

/** Rows of one transaction: short enough that publishes wait for none. */
const chunkRows = 5_000;

/**
 * Makes sure, once for each start of PostgreSQL and each database there, that it knows every withdrawal of which the
 * bucket has a copy, and holds no key that is too old. Killed anywhere, it is done again from the beginning; of several
 * processes one works and the others wait.
 * @throws AppError `unavailable`/`withdrawals_unread` when the blob store or the key manager does not answer; those of the database
 */
export async function replayWithdrawals(deps: ReplayDeps, signal: AbortSignal): Promise<void> {
  const { database, settings, logger } = deps;
  const { withdrawalsBucket: bucket } = settings;
  if (await isLookedThrough(database, bucket)) return;
  logger.info({ bucket }, 'PostgreSQL was started anew, or restored: looking for withdrawals that it lacks');
  await whileLooking(database, async () => {
    if (!(await isLookedThrough(database, bucket))) await lookThrough(deps, bucket, signal);
  });
}

/** `withdrawals.keep`: notices that the database under running processes is another one, and copies what is not copied yet. */
export function keepWithdrawalsJob(deps: ReplayDeps): Job {
  return {
    name: 'withdrawals.keep',
    run: async (_payload, { signal }) => {
      await replayWithdrawals(deps, signal);
      await copyWithdrawals(deps, signal);
    },
  };
}

async function lookThrough(deps: ReplayDeps, bucket: string | null, signal: AbortSignal): Promise<void> {
  const { database, clock, logger } = deps;
  const missing = bucket === null ? [] : await unread(() => missingCopies(deps, bucket));
  if (bucket === null) logger.warn('ENMESH_WITHDRAWALS_BUCKET is not set: a restore would bring withdrawn keys back');
  await cleanUpRows(deps, signal);
  const copies: ReplayedCopy[] = [];
  for (const { place, keys } of missing) {
    signal.throwIfAborted();
    const copy = await unread(() => readCopy(deps, bucket!, { place, keys }));
    if (copy !== null) copies.push(await bury(deps, place.id, copy));
  }
  // First by what was asked for, which counts; then by key, what else is here.
  await finishWithdrawals(deps, signal);
  const byKey = copies.length === 0 ? 0 : await withdrawAllBuried(deps, signal);
  if (missing.length > 0) {
    const unusable = missing.length - copies.length;
    logger.warn({ copies: copies.length, unusable, byKey }, 'withdrawals that the database lacked were done again');
  }
  await noteLookedThrough(database, { bucket, copies }, clock);
}

interface ReplayedCopy {
  readonly id: string;
  readonly keepUntil: Date;
}

interface MissingCopy {
  readonly place: CopyPlace;
  readonly keys: CopyKeys;
}

/** Copies that the database does not know and has the keys of. */
async function missingCopies(deps: ReplayDeps, bucket: string): Promise<readonly MissingCopy[]> {
  const { database, blobStore, logger } = deps;
  const places = await listCopies(blobStore, bucket);
  let keys = copyKeys(await readHashSecret(database));
  // Of a database that was made anew, nothing is under its own keys.
  for (const keysId of new Set(places.map((place) => place.keysId))) {
    if (places.some((place) => place.keysId === keys.id)) break;
    const secret = await keptSecret(deps, bucket, keysId);
    if (secret !== null && (await takeHashSecret(database, secret))) keys = copyKeys(secret);
  }
  const own = places.filter(({ keysId }) => keysId === keys.id);
  if (own.length < places.length) {
    const copies = places.length - own.length;
    logger.error({ copies }, 'copies of withdrawals in the bucket are of another installation, or their key is lost');
  }
  const unknown = new Set(
    await unknownCopies(
      database,
      own.map(({ id }) => id),
    ),
  );
  return own.filter(({ id }) => unknown.has(id)).map((place) => ({ place, keys }));
}

/** Whoever could write a false one could delete true ones as well: it withdraws nothing, and it stops nothing. */
async function readCopy(
  { blobStore, logger }: ReplayDeps,
  bucket: string,
  { place, keys }: MissingCopy,
): Promise<WithdrawalCopy | null> {
  const sealed = await readObject(blobStore, bucket, place.name);
  const copy = sealed && openCopy(keys, place.name, sealed);
  if (copy === null) logger.error({ copy: place.id }, 'a copy of withdrawals is damaged or not ours; it is left out');
  return copy;
}

async function bury({ database, clock }: ReplayDeps, id: string, copy: WithdrawalCopy): Promise<ReplayedCopy> {
  const isOver = copy.keepUntil < (await databaseTime(database, clock));
  if (!isOver) await buryCopy(database, id, copy);
  return { id, keepUntil: copy.keepUntil };
}

/** @returns how many keys of the copies were here, and not withdrawn yet */
async function withdrawAllBuried({ database, clock, settings }: ReplayDeps, signal: AbortSignal): Promise<number> {
  const terms = { clock, chunkRows, maxIntervalAgeSeconds: settings.maxIntervalAgeSeconds };
  let place = beforeFirstKey;
  while (!place.isEnd) {
    signal.throwIfAborted();
    place = await withdrawBuried(database, terms, place);
  }
  return place.withdrawn;
}

/** Files that cannot be deleted now are in no index. */
async function cleanUpRows(deps: ReplayDeps, signal: AbortSignal): Promise<void> {
  try {
    await cleanUp(deps, signal);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'cleanup_incomplete') throw error;
  }
}

/** What could pass, or be corrected: nobody serves meanwhile. */
function isOutOfReach(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false;
  return error.kind === 'unavailable' || error.kind === 'timeout' || error.code === 'blob_name_invalid';
}

async function unread<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isOutOfReach(cause)) throw cause;
    throw new AppError(
      'unavailable',
      'withdrawals_unread',
      'PostgreSQL was started anew, or restored, and it cannot be seen whether withdrawals came after the backup: the blob store or the key manager does not answer; try again later, or correct ENMESH_WITHDRAWALS_BUCKET',
      { cause, details: [cause.message] },
    );
  }
}
