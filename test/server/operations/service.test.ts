/** OperationsService over gRPC: clean up now, and look at the queue. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OperationsServiceDefinition } from '../../../src/gen/enmesh/operations/v1/operations.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { openJobQueue } from '../../../src/platform/jobs.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { createOperationsService, operationsJobs } from '../../../src/server/operations/service.ts';
import { openBlobStore } from '../../../src/storage/blob/open.ts';
import { ago, cleanupDeps, insertExposure, retentionSeconds } from '../../support/cleanup.ts';
import { createTestDatabase } from '../../support/postgres.ts';

it('cleans up when asked, lists what waits, and has the clean-up as a job', async () => {
  await using test = await createTestDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-operations-'));
  const deps = cleanupDeps(test.database, await openBlobStore({ kind: 'filesystem', dir }));
  const jobQueue = await openJobQueue(test.url);
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(OperationsServiceDefinition, createOperationsService({ ...deps, jobQueue }))],
    isReady: () => Promise.resolve(true),
    logger: deps.logger,
    metrics: new Metrics(),
  });
  const target = `127.0.0.1:${String(server.address.port)}`;
  const { client, close } = createGrpcClient(OperationsServiceDefinition, target, {});
  try {
    await insertExposure(test.database, 1, ago(retentionSeconds + 1));
    expect(await client.cleanup({})).toMatchObject({ exposures: 1n, batches: 0n });

    const runAt = new Date('2030-01-01T00:00:00Z');
    await jobQueue.enqueue('cleanup', {}, { runAt });
    const { jobs } = await client.listJobs({});
    expect(jobs).toMatchObject([{ task: 'cleanup', attempts: 0, runAt, lockedAt: undefined, lastError: '' }]);

    await insertExposure(test.database, 2, ago(retentionSeconds + 1));
    const [job] = operationsJobs(deps);
    await job?.run(undefined, { signal: new AbortController().signal, logger: deps.logger });
    expect(await client.cleanup({})).toMatchObject({ exposures: 0n });
  } finally {
    close();
    await server.stop();
    await jobQueue.stop();
    await rm(dir, { recursive: true, force: true });
  }
});
