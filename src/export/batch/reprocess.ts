/** Builds a batch again, under new names. */
import type { Batch } from '../../domain/export/batch.ts';
import { AppError } from '../../domain/errors.ts';
import { readBatch, reopenBatch } from '../../storage/exports/batches.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { unlistUnfinishedFiles } from '../../storage/exports/files.ts';
import { writeIndex } from '../index/write-index.ts';
import type { ExportDeps } from '../settings.ts';
import { buildBatch } from './build.ts';

/**
 * Decides padding, boundaries and signers anew and publishes new files; the old ones leave the index in the same write.
 * When building fails, the old files stay listed and the batch is tried again like any other.
 *
 * @returns the batch as it is then
 * @throws AppError `not_found`/`batch_not_found`; `conflict`/`batch_in_progress`; `precondition`/`batch_too_old` when its keys
 *   may be deleted already
 */
export async function reprocessBatch(
  deps: ExportDeps,
  batchId: string,
  { signal, actor }: { readonly signal: AbortSignal; readonly actor: string },
): Promise<Batch> {
  const { database, clock, settings, logger } = deps;
  await database.transaction(async (client) => {
    const batch = await readBatch(client, batchId);
    if (batch === null || batch.status === 'deleted') throw batchNotFound();
    const oldest = (await databaseTime(client, clock)).getTime() - settings.retentionSeconds * 1000;
    if (batch.windowStart.getTime() <= oldest) throw batchTooOld();
    if (!(await reopenBatch(client, batchId, clock))) throw batchInProgress();
    await unlistUnfinishedFiles(client, batchId, clock);
    await recordAudit(client, {
      actor,
      action: 'reprocess',
      subject: `exports/${batch.exportName}`,
      change: { batch: batchId, windowStart: batch.windowStart, windowEnd: batch.windowEnd },
      at: clock.forDatabase(),
    });
  });
  await buildBatch(deps, batchId, { signal, ignoreBackOff: true });
  const batch = await readBatch(database, batchId);
  if (batch === null) throw batchNotFound();
  // Whoever asked for it sees it, also while other batches of the export are being built.
  await writeIndex(deps, batch.exportId).catch((error: unknown) => logger.warn({ err: error }, 'index not written'));
  return batch;
}

function batchNotFound(): AppError {
  return new AppError('not_found', 'batch_not_found', 'no batch has this id: see `enmesh export list`');
}

function batchTooOld(): AppError {
  return new AppError(
    'precondition',
    'batch_too_old',
    'the window began before the retention, so its keys may be deleted already',
  );
}

function batchInProgress(): AppError {
  return new AppError('conflict', 'batch_in_progress', 'a worker is building this batch; try again when it is done');
}
