/** Plans and builds everything that is due now, several batches at a time, and tells each as it ends. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Batch } from '../../domain/export/batch.ts';
import { dueBatches, readBatch, unfinishedBatches } from '../../storage/exports/batches.ts';
import type { ExportDeps } from '../settings.ts';
import { buildBatch, type BuildOutcome } from './build.ts';
import { planBatches } from './plan.ts';

/** How often to look whether other workers are done with theirs. */
const POLL_MS = 200;

/** What to run. */
export interface RunOptions {
  /** Of this export only. */
  readonly exportName?: string;
  readonly signal: AbortSignal;
}

/** How far a run is. */
export interface RunStep {
  /** The batch that ended, well or not; null before the first. */
  readonly batch: Batch | null;
  /** Batches that ended. */
  readonly done: number;
  /** Batches that the run found; those that vanish meanwhile are not told. */
  readonly total: number;
}

/**
 * Builds what is due, also what failed a moment ago. Batches that other workers have in hand are told too, after our own:
 * nothing waits for them, so that several runs share the work.
 *
 * @throws AppError of the database; a batch that fails is told, not thrown
 */
export async function* runExports(deps: ExportDeps, options: RunOptions): AsyncGenerator<RunStep> {
  const { database, clock, settings } = deps;
  const filter = { clock, ignoreBackOff: true, ...pickName(options) };
  await planBatches(deps);
  const queue = [...new Set([...(await dueBatches(database, filter)), ...(await unfinishedBatches(database, filter))])];
  const elsewhere: string[] = [];
  const total = queue.length;
  let done = 0;
  if (total > 0) yield { batch: null, done, total };
  const running = new Map<string, Promise<Attempt>>();
  try {
    while (queue.length + running.size + elsewhere.length > 0) {
      while (queue.length > 0 && running.size < settings.concurrency) {
        const id = queue.shift()!;
        running.set(id, attempt(deps, id, options.signal));
      }
      if (running.size === 0) {
        await wait(POLL_MS, undefined, { signal: options.signal });
        queue.push(...elsewhere.splice(0));
        continue;
      }
      const { id, outcome } = await Promise.race(running.values());
      running.delete(id);
      const batch = await readBatch(database, id);
      if (outcome === 'taken' && batch?.status === 'pending') elsewhere.push(id);
      else if (batch) yield { batch, done: (done += 1), total };
    }
  } finally {
    await Promise.allSettled(running.values());
  }
}

interface Attempt {
  readonly id: string;
  readonly outcome: BuildOutcome;
}

async function attempt(deps: ExportDeps, id: string, signal: AbortSignal): Promise<Attempt> {
  return { id, outcome: await buildBatch(deps, id, { signal, ignoreBackOff: true }) };
}

function pickName({ exportName }: RunOptions): { exportName?: string } {
  return exportName === undefined ? {} : { exportName };
}
