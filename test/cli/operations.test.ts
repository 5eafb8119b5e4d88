/** `enmesh cleanup` and `enmesh jobs` against the real service, queue and database. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OperationsServiceDefinition } from '../../src/gen/enmesh/operations/v1/operations.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { openJobQueue } from '../../src/platform/jobs.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { createOperationsService } from '../../src/server/operations/service.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { runCommand } from './run-command.ts';

async function startOperations() {
  const { database, url, ...test } = await createTestDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-operations-'));
  const jobQueue = await openJobQueue(url);
  const logger = createLogger({ level: 'silent', pretty: false });
  const blobStore = await openBlobStore({ kind: 'filesystem', dir });
  const settings = { retentionSeconds: 14 * 86_400 };
  const service = createOperationsService({ database, blobStore, jobQueue, clock: systemClock, settings, logger });
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(OperationsServiceDefinition, service)],
    isReady: () => Promise.resolve(true),
    logger,
    metrics: new Metrics(),
  });
  const stop = async () => {
    await server.stop();
    await jobQueue.stop();
    await test[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  };
  const at = `127.0.0.1:${String(server.address.port)}`;
  return { database, jobQueue, at, [Symbol.asyncDispose]: stop };
}

describe('cleanup', () => {
  it('deletes what is past its time and counts it', async () => {
    await using operations = await startOperations();
    await operations.database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
       select decode(repeat(hex, 16), 'hex'), now() - age::interval, 0, 144, 0, 1, false, '{AA}'
         from (values ('01', '15 days'), ('02', '13 days')) as keys (hex, age)`,
    );
    const { exitCode, stdout, stderr } = await runCommand(['cleanup', '--server', operations.at]);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^temporary exposure keys +1$/m);
    expect(stdout).toMatch(/^receipts of publishes +0$/m);
    const again = await runCommand(['cleanup', '--json', '--server', operations.at]);
    expect(JSON.parse(again.stdout)).toMatchObject({ receipts: 0, exposures: 0, deletedFiles: 0, batches: 0 });
  });
});

describe('jobs', () => {
  it('shows the queue', async () => {
    await using operations = await startOperations();
    expect((await runCommand(['jobs', '--server', operations.at])).stdout).toBe('the queue is empty\n');
    await operations.jobQueue.enqueue('export.build', { batch: '1' }, { runAt: new Date('2099-01-01T00:00:00Z') });
    const { stdout } = await runCommand(['jobs', '--server', operations.at]);
    expect(stdout).toMatch(/^ *\d+ {2}export\.build +0 {2}2099-01-01T00:00:00Z +-$/m);
    const { jobs } = JSON.parse((await runCommand(['jobs', '--json', '--server', operations.at])).stdout) as {
      jobs: unknown[];
    };
    expect(jobs).toMatchObject([{ task: 'export.build', attempts: 0, runAt: '2099-01-01T00:00:00.000Z' }]);
  });

  it('asks the role that the environment names', async () => {
    await using operations = await startOperations();
    const { exitCode } = await runCommand(['jobs'], { env: { ENMESH_SERVER_TARGET: operations.at } });
    expect(exitCode).toBe(0);
  });
});
