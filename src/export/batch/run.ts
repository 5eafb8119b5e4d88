/** Plans and builds everything that is due now, several batches at a time, and tells each as it ends. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Batch } from '../../domain/export/batch.ts';
import { dueBatches, readBatch, unfinishedBatches } from '../../storage/batches.ts';
import type { ExportDeps } from '../settings.ts';
import { buildBatch } from './build.ts';
import { planBatches } from './plan.ts';

/** How often to look whether another worker is done with a batch. */
const POLL_MS = 200;

/** What to run. */
export interface RunOptions {
  /** Of this export only. */
  readonly exportName?: string;
  readonly signal: AbortSignal;
}

/**
 * Builds what is due, also what failed a moment ago. Batches that other workers have in hand are waited for and told too.
 *
 * @throws AppError of the database; a batch that fails is told, not thrown
 */
export async function* runExports(deps: ExportDeps, options: RunOptions): AsyncGenerator<Batch> {
  const { database, clock, settings } = deps;
  const filter = { clock, ignoreBackOff: true, ...pickName(options) };
  await planBatches(deps);
  const waiting = [
    ...new Set([...(await dueBatches(database, filter)), ...(await unfinishedBatches(database, filter))]),
  ];
  const running = new Map<string, Promise<string>>();
  try {
    while (waiting.length + running.size > 0) {
      while (waiting.length > 0 && running.size < settings.concurrency) {
        const id = waiting.shift()!;
        running.set(
          id,
          finishBatch(deps, id, options.signal).then(() => id),
        );
      }
      const id = await Promise.race(running.values());
      running.delete(id);
      const batch = await readBatch(database, id);
      if (batch) yield batch;
    }
  } finally {
    await Promise.allSettled(running.values());
  }
}

/** Builds the batch, or waits until whoever has it is done with it. */
async function finishBatch(deps: ExportDeps, batchId: string, signal: AbortSignal): Promise<void> {
  while ((await buildBatch(deps, batchId, { signal, ignoreBackOff: true })) === 'taken') {
    const batch = await readBatch(deps.database, batchId);
    if (batch?.status !== 'pending') return;
    await wait(POLL_MS, undefined, { signal });
  }
}

function pickName({ exportName }: RunOptions): { exportName?: string } {
  return exportName === undefined ? {} : { exportName };
}
