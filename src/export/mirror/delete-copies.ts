/** Deletes copies that nobody can find any more, and what mirrors that are gone have left. */
import type { BlobName } from '../../storage/blob/blob-store.ts';
import { expiredCopies, forgetCopy } from '../../storage/mirrors/mirror-files.ts';
import { forgetLeftover, mirrorGraceSeconds, takeLeftover } from '../../storage/mirrors/mirror-leftovers.ts';
import { mirrorMetrics } from './metrics.ts';
import type { MirrorDeps } from './settings.ts';
import type { MirrorWork } from './work.ts';

/**
 * Deletes copies that left our index a grace ago. One that cannot be deleted keeps no other; the next run tries it again.
 * @throws AppError `unavailable` when the database does not answer
 */
export async function deleteExpiredCopies(
  deps: MirrorDeps,
  { mirror, holder, signal, log }: MirrorWork,
): Promise<void> {
  const { database, blobStore, clock } = deps;
  const expired = await expiredCopies(database, mirror.id, { clock, graceSeconds: mirrorGraceSeconds });
  for (const fileId of expired) {
    signal.throwIfAborted();
    await database
      .transaction(async (client) => {
        // The row is locked meanwhile: whoever lists the file again waits, and then copies it anew.
        const blob = await forgetCopy(client, holder, fileId);
        if (blob === null) return;
        await blobStore.delete(blob);
        mirrorMetrics(deps).file('deleted');
      })
      .catch((error: unknown) => log.warn({ err: error }, 'a copy could not be deleted'));
  }
}

/** Deletes what mirrors that were deleted or moved have left, as far as its grace is over and it is nobody else's by now. */
export async function deleteLeftovers(
  { database, blobStore, clock, logger }: MirrorDeps,
  signal: AbortSignal,
): Promise<void> {
  let after: BlobName | null = { bucket: '', name: '' };
  while (after !== null && !signal.aborted) {
    const from: BlobName = after;
    after = await database.transaction(async (client) => {
      const leftover = await takeLeftover(client, { clock, after: from });
      if (leftover === null) return null;
      const isGone = leftover.isNobodys ? await tryDelete(blobStore, leftover, logger) : true;
      if (isGone) await forgetLeftover(client, leftover);
      return leftover;
    });
  }
}

async function tryDelete(
  blobStore: MirrorDeps['blobStore'],
  { bucket, name }: BlobName,
  logger: MirrorDeps['logger'],
): Promise<boolean> {
  try {
    await blobStore.delete({ bucket, name });
    return true;
  } catch (error) {
    logger.warn({ err: error, bucket, name }, 'a copy of a mirror that is gone could not be deleted');
    return false;
  }
}
