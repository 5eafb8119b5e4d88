/** OperationsService over gRPC: clean up now, and look at the queue. */
import { expect, it } from 'vitest';
import { operationsJobs } from '../../../src/server/operations/service.ts';
import { ago, insertExposure, retentionSeconds } from '../../support/cleanup.ts';
import { startOperations } from '../../support/operations.ts';

it('cleans up when asked, lists what waits, and has the clean-up as a job', async () => {
  await using operations = await startOperations();
  const { client, deps } = operations;
  await insertExposure(deps.database, 1, ago(retentionSeconds + 1));
  expect(await client.cleanup({})).toMatchObject({ exposures: 1n, batches: 0n });

  const runAt = new Date('2030-01-01T00:00:00Z');
  await deps.jobQueue.enqueue('cleanup', {}, { runAt });
  const { jobs } = await client.listJobs({});
  expect(jobs).toMatchObject([{ task: 'cleanup', attempts: 0, runAt, lockedAt: undefined, lastError: '' }]);

  await insertExposure(deps.database, 2, ago(retentionSeconds + 1));
  const job = operationsJobs(deps).find(({ name }) => name === 'cleanup');
  await job?.run(undefined, { signal: new AbortController().signal, logger: deps.logger });
  expect(await client.cleanup({})).toMatchObject({ exposures: 0n });
});
