/** OperationsService on a real gRPC port over a database of the test's own, with everything that operations work with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperationsServiceDefinition } from '../../src/gen/enmesh/operations/v1/operations.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { createGrpcClient, type GrpcClient } from '../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { openJobQueue } from '../../src/platform/jobs.ts';
import { FilesystemKeyManager } from '../../src/platform/key-manager/filesystem.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { createOperationsService, type OperationsDeps } from '../../src/server/operations/service.ts';
import { createExplainPublish } from '../../src/server/publish/explain/service.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import { publishSettings } from '../server/publish/publisher.ts';
import { maxIntervalAgeSeconds, now, retentionSeconds } from './cleanup.ts';
import { createTestDatabase } from './postgres.ts';

const daySeconds = 86_400;

/** Those of an ordinary installation, but for the wait. */
export const operationsSettings: OperationsDeps['settings'] = {
  retentionSeconds,
  maxIntervalAgeSeconds,
  withdrawalsBucket: 'withdrawals',
  revisionTokenKey: 'revision-token',
  revisionKeyPeriodSeconds: 7 * daySeconds,
  revisionKeyDeleteAfterSeconds: 15 * daySeconds,
  jwks: {
    timeoutMs: 10_000,
    ca: undefined,
    allowPrivateAddresses: false,
    allowLoopback: false,
    keyCleanupSeconds: 30 * daySeconds,
  },
};

/** What a test works with. */
export interface OperationsFixture extends AsyncDisposable {
  readonly deps: OperationsDeps & { readonly clock: ManualClock; readonly keyManager: FilesystemKeyManager };
  readonly url: string;
  readonly client: GrpcClient<OperationsServiceDefinition>['client'];
  /** HOST:PORT. */
  readonly target: string;
}

/** Starts it, at the present of clean-up; use it with `await using`. */
export async function startOperations(settings: Partial<OperationsDeps['settings']> = {}): Promise<OperationsFixture> {
  const { database, url, [Symbol.asyncDispose]: dropDatabase } = await createTestDatabase({ now });
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-operations-'));
  const clock = new ManualClock(now);
  const keyManager = new FilesystemKeyManager(join(dir, 'keys'));
  await keyManager.createEncryptionKey('revision-token');
  const jobQueue = await openJobQueue(url);
  const logger = createLogger({ level: 'silent', pretty: false });
  const blobStore = await openBlobStore({ kind: 'filesystem', dir: join(dir, 'blobs') });
  const base = { database, clock, keyManager, jobQueue, logger, blobStore, metrics: new Metrics() };
  const readSecret = () => Promise.resolve('');
  const explainPublish = createExplainPublish({ ...base, readSecret, settings: publishSettings });
  const deps = { ...base, explainPublish, settings: { ...operationsSettings, ...settings } };
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(OperationsServiceDefinition, createOperationsService(deps))],
    isReady: () => Promise.resolve(true),
    logger,
    metrics: new Metrics(),
  });
  const target = `127.0.0.1:${String(server.address.port)}`;
  const { client, close } = createGrpcClient(OperationsServiceDefinition, target, {});
  return {
    deps,
    url,
    client,
    target,
    [Symbol.asyncDispose]: async () => {
      close();
      await server.stop();
      await jobQueue.stop();
      await dropDatabase();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** An audit row. */
export interface AuditRow {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly change: unknown;
}

/** All of them, oldest first. */
export async function auditRows({ database }: Pick<OperationsDeps, 'database'>): Promise<readonly AuditRow[]> {
  return (await database.query<AuditRow>('select actor, action, subject, change from audit order by id')).rows;
}
