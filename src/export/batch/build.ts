/** Builds one batch: lease, decide, publish its files, list them. */
import { randomUUID } from 'node:crypto';
import type { Batch, ExportFile } from '../../domain/export/batch.ts';
import { AppError } from '../../domain/errors.ts';
import { retryDelaySeconds } from '../../domain/export/retry-delay.ts';
import {
  giveBackBatch,
  leaseBatch,
  lockLeasedBatch,
  markComplete,
  type GiveBackReason,
  type LeaseHolder,
} from '../../storage/exports/batches.ts';
import { listUploadedFiles } from '../../storage/exports/files.ts';
import { wantIndex } from '../../storage/exports/index-state.ts';
import { adoptListedFiles } from '../adopt/adopt.ts';
import { writeIndexAfterLast } from '../index/write-index.ts';
import type { ExportDeps } from '../settings.ts';
import { LeaseKeeper, leaseLost } from './lease.ts';
import { exportMetrics } from './metrics.ts';
import { prepareBatch } from './prepare.ts';
import { publishFile } from './publish-file.ts';
import { clearSpool } from './spool.ts';

/** How a try ended. `taken`: another worker has it, or nothing is to do. `given back`: we were asked to stop. */
export type BuildOutcome = 'built' | 'failed' | 'taken' | 'given back';

/** How to try. */
export interface BuildOptions {
  /** Aborts the work; the batch is given back at once. */
  readonly signal: AbortSignal;
  /** Try even though it failed a moment ago. */
  readonly ignoreBackOff: boolean;
}

/**
 * Builds the batch if nobody else does. A failure is written down in the batch, which another worker takes after a pause;
 * a killed worker's batch is taken when its lease ends. Whoever goes on publishes the same files.
 *
 * @throws AppError `unavailable` when the database doesn't even give a lease
 */
export async function buildBatch(deps: ExportDeps, batchId: string, options: BuildOptions): Promise<BuildOutcome> {
  const { database, clock, settings, logger } = deps;
  const holder = { batchId, owner: randomUUID() };
  const terms = { clock, leaseSeconds: settings.leaseSeconds, ignoreBackOff: options.ignoreBackOff };
  options.signal.throwIfAborted();
  const batch = await leaseBatch(database, holder, terms);
  if (batch === null) return 'taken';
  const log = logger.child({ batch: batchId, export: batch.exportName });
  const outcome = await buildOrGiveBack({ ...deps, logger: log }, batch, { holder, signal: options.signal });
  // The batch is as it is whether or not the index can be written now: it is wanted, so it will be.
  await writeIndexAfterLast(deps, batch.exportId).catch((error: unknown) =>
    log.warn({ err: error }, 'index not written'),
  );
  return outcome;
}

async function buildOrGiveBack(
  deps: ExportDeps,
  batch: Batch,
  { holder, signal }: { readonly holder: LeaseHolder; readonly signal: AbortSignal },
): Promise<Exclude<BuildOutcome, 'taken'>> {
  const { logger } = deps;
  const metrics = exportMetrics(deps.metrics);
  const startedAt = performance.now();
  try {
    const files = await buildLeased(deps, batch, { holder, signal });
    metrics.built(files, (performance.now() - startedAt) / 1000);
    logger.info({ files: files.length, ...totals(files) }, 'batch built');
    return 'built';
  } catch (error) {
    // A stop is nobody's fault, whatever the abort looks like from where the work was.
    if (signal.aborted) {
      const isGivenBack = await giveBack(deps, holder, { error: null, retryAfterSeconds: 0 });
      if (isGivenBack) logger.info('batch given back');
      return 'given back';
    }
    metrics.failed();
    logger.error({ err: error, attempts: batch.attempts }, 'batch failed');
    await giveBack(deps, holder, { error: reasonText(error), retryAfterSeconds: retryDelaySeconds(batch.attempts) });
    return 'failed';
  }
}

async function buildLeased(
  deps: ExportDeps,
  leased: Batch,
  { holder, signal }: { readonly holder: LeaseHolder; readonly signal: AbortSignal },
): Promise<readonly ExportFile[]> {
  const lease = new LeaseKeeper(deps, holder);
  const anySignal = AbortSignal.any([signal, lease.signal]);
  try {
    await clearSpool(deps.settings.spoolDir, leased.id);
    if (!leased.isPrepared) await adoptListedFiles(deps, leased.exportId, holder.owner);
    const { batch, files } = await prepareBatch(deps, leased, holder);
    for (const file of files.filter(({ status }) => status === 'planned')) {
      anySignal.throwIfAborted();
      await publishFile(deps, { batch, file, holder, signal: anySignal });
    }
    await completeBatch(deps, holder);
    return files;
  } finally {
    lease.stop();
  }
}

/** The batch is complete and its files are in the wanted index, or neither. */
async function completeBatch({ database, clock }: ExportDeps, holder: LeaseHolder): Promise<void> {
  await database.transaction(async (client) => {
    const batch = await lockLeasedBatch(client, holder);
    if (batch === null) throw leaseLost();
    await markComplete(client, batch.id, clock);
    if (await listUploadedFiles(client, batch, clock)) await wantIndex(client, batch.exportId);
  });
}

/** Whether the batch is free for others now; otherwise they wait until the lease ends. */
async function giveBack(
  { database, clock, logger }: ExportDeps,
  holder: LeaseHolder,
  reason: Omit<GiveBackReason, 'clock'>,
): Promise<boolean> {
  try {
    await giveBackBatch(database, holder, { ...reason, clock });
    return true;
  } catch (error) {
    logger.warn(
      { err: error, batch: holder.batchId },
      'batch not given back: another worker takes it when its lease ends',
    );
    return false;
  }
}

/** Code and safe message; what is not ours to explain is in the log. */
function reasonText(error: unknown): string {
  return error instanceof AppError ? `${error.code}: ${error.message}` : 'internal_error: see the log';
}

function totals(files: readonly ExportFile[]): { keys: number; revisedKeys: number } {
  return {
    keys: files.reduce((sum, { counts }) => sum + counts.keys, 0),
    revisedKeys: files.reduce((sum, { counts }) => sum + counts.revisedKeys, 0),
  };
}
