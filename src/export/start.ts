/** The export role: plans, builds, signs and lists files, mirrors others', and serves them to the gateway. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { ExportServiceDefinition } from '../gen/enmesh/export/v1/export.ts';
import { MirrorServiceDefinition } from '../gen/enmesh/export/v1/mirror.ts';
import type { Clock } from '../platform/clock.ts';
import type { Values } from '../platform/config/load.ts';
import type { Address } from '../platform/config/readers.ts';
import { grpcServerSettings } from '../platform/grpc/server-settings.ts';
import { grpcService, startGrpcServer } from '../platform/grpc/server.ts';
import type { Job, JobQueue, Schedule } from '../platform/jobs.ts';
import type { KeyManager } from '../platform/key-manager/key-manager.ts';
import type { Running } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { BlobStore } from '../storage/blob/blob-store.ts';
import type { Database } from '../storage/database.ts';
import { exportJobs } from './jobs.ts';
import { ensureSigningKeys } from './keys/ensure.ts';
import { mirrorJobs } from './mirror/jobs.ts';
import { createMirrorService } from './mirror/service.ts';
import { mirrorSettings } from './mirror/settings.ts';
import { createExportService } from './service.ts';

/** What the role is given. */
export interface ExportDeps {
  readonly database: Database;
  readonly blobStore: BlobStore;
  readonly keyManager: KeyManager;
  readonly jobQueue: JobQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  isReady(): Promise<boolean>;
}

/**
 * Starts listening and looking for work.
 * @throws AppError `precondition`/`signing_key_missing` when a configured key is not there and may not be made
 */
export async function startExport(
  values: Values,
  deps: ExportDeps,
): Promise<
  Running & { readonly address: Address; readonly jobs: readonly Job[]; readonly schedules: readonly Schedule[] }
> {
  const listening = await grpcServerSettings(values, 'ENMESH_EXPORT');
  const work = {
    ...deps,
    settings: {
      minWindowAgeSeconds: values.ENMESH_EXPORT_MIN_WINDOW_AGE,
      minRecords: values.ENMESH_EXPORT_MIN_RECORDS,
      paddingRange: values.ENMESH_EXPORT_PADDING_RANGE,
      maxRecords: values.ENMESH_EXPORT_MAX_RECORDS,
      leaseSeconds: values.ENMESH_EXPORT_LEASE,
      concurrency: values.ENMESH_EXPORT_CONCURRENCY,
      retentionSeconds: values.ENMESH_RETENTION,
      spoolDir: join(values.ENMESH_DATA_DIR ?? tmpdir(), 'spool'),
      createKeys: values.ENMESH_CREATE_KEYS,
    },
  };
  const mirrors = { ...deps, settings: await mirrorSettings(values) };
  const stopping = new AbortController();
  await ensureSigningKeys(work, { createMissing: values.ENMESH_CREATE_KEYS });
  const grpc = await startGrpcServer({
    ...deps,
    ...listening,
    services: [
      grpcService(ExportServiceDefinition, createExportService(work, stopping.signal)),
      grpcService(MirrorServiceDefinition, createMirrorService(mirrors, stopping.signal)),
    ],
  });
  return {
    ...grpc,
    jobs: [...exportJobs(work), ...mirrorJobs(mirrors)],
    schedules: [
      { job: 'export.tick', everySeconds: values.ENMESH_EXPORT_INTERVAL },
      { job: 'mirror.run', everySeconds: values.ENMESH_MIRROR_INTERVAL },
    ],
    stop: async () => {
      stopping.abort(new AppError('unavailable', 'unavailable', 'the export role is stopping; try again later'));
      await grpc.stop();
    },
  };
}
