/** Background work of the export role: look for work, build one batch. */
import { AppError } from '../domain/errors.ts';
import type { Job, JobQueue } from '../platform/jobs.ts';
import { dueBatches } from '../storage/exports/batches.ts';
import { adoptPublishedFiles } from './adopt/adopt.ts';
import { buildBatch } from './batch/build.ts';
import { planBatches } from './batch/plan.ts';
import { writeOutdatedIndexes } from './index/write-index.ts';
import { ensureSigningKeys } from './keys/ensure.ts';
import type { ExportDeps } from './settings.ts';

/** What jobs need besides what the role has. */
export interface ExportJobDeps extends ExportDeps {
  readonly jobQueue: Pick<JobQueue, 'enqueue'>;
}

/** `export.tick` finds work, `export.build` does it. */
export function exportJobs(deps: ExportJobDeps): Job[] {
  const foreign = new Set<string>();
  return [
    { name: 'export.tick', run: async () => await tick(deps, foreign) },
    {
      name: 'export.build',
      run: async (payload, { signal }) => {
        await buildBatch(deps, batchIdOf(payload), { signal, ignoreBackOff: false });
      },
    },
  ];
}

/** Plans what is due, puts a job into the queue for each batch that waits, and writes indexes that are not up to date. */
async function tick(deps: ExportJobDeps, foreign: Set<string>): Promise<void> {
  const { database, clock, settings, jobQueue, logger } = deps;
  // Keys that are missing must not keep exports of other keys from being built.
  await ensureSigningKeys(deps, { createMissing: settings.createKeys }).catch((error: unknown) =>
    logger.error({ err: error }, 'a signing key has no version'),
  );
  await adoptPublishedFiles(deps, foreign);
  const planned = await planBatches(deps);
  if (planned > 0) logger.info({ batches: planned }, 'batches planned');
  for (const batchId of await dueBatches(database, { clock, ignoreBackOff: false })) {
    // A batch that fails has its own back-off, so the queue needn't try it again.
    await jobQueue.enqueue('export.build', { batchId }, { key: `export.build:${batchId}`, maxAttempts: 1 });
  }
  await writeOutdatedIndexes(deps);
}

function batchIdOf(payload: unknown): string {
  if (typeof payload === 'object' && payload !== null && 'batchId' in payload && typeof payload.batchId === 'string') {
    return payload.batchId;
  }
  throw new AppError('invalid', 'bad_payload', 'the job `export.build` wants a batchId');
}
