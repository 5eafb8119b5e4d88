/** Counts and queued jobs as messages. */
import type { CleanupResponse, Job } from '../../gen/enmesh/operations/v1/operations.ts';
import type { QueuedJob } from '../../platform/jobs.ts';
import type { CleanupCounts } from './cleanup.ts';

/** For an answer. */
export function toCleanupMessage(counts: CleanupCounts): CleanupResponse {
  return {
    exposures: BigInt(counts.exposures),
    receipts: BigInt(counts.receipts),
    unlistedFiles: BigInt(counts.unlistedFiles),
    deletedFiles: BigInt(counts.deletedFiles),
    batches: BigInt(counts.batches),
    paddingKeys: BigInt(counts.paddingKeys),
  };
}

/** For an answer. */
export function toJobMessage(queued: QueuedJob): Job {
  return {
    id: queued.id,
    task: queued.job,
    attempts: queued.attempts,
    runAt: queued.runAt,
    lockedAt: queued.lockedAt ?? undefined,
    lastError: queued.lastError ?? '',
  };
}
