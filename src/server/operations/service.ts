/** OperationsService over gRPC, and the same work as background jobs. */
import type { OperationsServiceImplementation } from '../../gen/enmesh/operations/v1/operations.ts';
import type { Job, JobQueue } from '../../platform/jobs.ts';
import { cleanUp, type CleanupDeps } from './cleanup.ts';
import { toCleanupMessage, toJobMessage } from './wire.ts';

/** What operations work with. */
export interface OperationsDeps extends CleanupDeps {
  readonly jobQueue: JobQueue;
}

/** The service. */
export function createOperationsService(deps: OperationsDeps): OperationsServiceImplementation {
  return {
    async cleanup(_request, { signal }) {
      return toCleanupMessage(await cleanUp(deps, signal));
    },
    async listJobs() {
      const jobs = await deps.jobQueue.list();
      return { jobs: jobs.map(toJobMessage) };
    },
  };
}

/** `cleanup`, to be scheduled once an hour: rows live for the retention and one run more. */
export function operationsJobs(deps: CleanupDeps): Job[] {
  return [
    {
      name: 'cleanup',
      run: async (_payload, { signal }) => {
        await cleanUp(deps, signal);
      },
    },
  ];
}
