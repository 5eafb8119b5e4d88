/** The server role: gRPC core that checks and stores keys, and holds configuration and operations. */
import type { Configuration } from '../domain/configuration/configuration.ts';
import { authorityId } from '../domain/federation/authority-id.ts';
import { AdminServiceDefinition } from '../gen/enmesh/admin/v1/admin.ts';
import { OperationsServiceDefinition } from '../gen/enmesh/operations/v1/operations.ts';
import { PublishServiceDefinition } from '../gen/enmesh/publish/v1/publish.ts';
import { PublishStreamServiceDefinition } from '../gen/enmesh/publish/v1/publish_stream.ts';
import { StatsServiceDefinition } from '../gen/enmesh/publish/v1/stats.ts';
import type { Clock } from '../platform/clock.ts';
import { ConfigurationError, type Values } from '../platform/config/load.ts';
import { grpcServerSettings } from '../platform/grpc/server-settings.ts';
import { grpcService, type RunningGrpcServer, startGrpcServer } from '../platform/grpc/server.ts';
import type { Job, JobQueue, Schedule } from '../platform/jobs.ts';
import type { KeyManager } from '../platform/key-manager/key-manager.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { readSecret } from '../platform/secrets/secrets.ts';
import type { BlobStore } from '../storage/blob/blob-store.ts';
import type { Database } from '../storage/database.ts';
import { setTruncateWindow } from '../storage/windows.ts';
import { applyAtStart } from './admin/apply-at-start.ts';
import type { AdminSettings } from './admin/apply-configuration.ts';
import { createAdminService } from './admin/service.ts';
import { Attestations } from './attestation/attestations.ts';
import { createOperationsService, operationsJobs } from './operations/service.ts';
import { operationsSchedules, operationsSettings } from './operations/settings.ts';
import { createExplainPublish } from './publish/explain/service.ts';
import { createPublishStreams } from './publish/stream/service.ts';
import { createPublishService } from './publish/service.ts';
import type { PublishSettings } from './publish/settings.ts';
import { createStatsService } from './stats/service.ts';
import { replayWithdrawals } from './withdrawal-copies/replay.ts';
import type { StatsSettings } from './stats/settings.ts';

/** What the role is given. */
export interface ServerDeps {
  readonly database: Database;
  readonly blobStore: BlobStore;
  readonly keyManager: KeyManager;
  readonly jobQueue: JobQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of ENMESH_CONFIG. */
  readonly configuration?: Configuration;
  readonly isDev: boolean;
  /** Ends a start that waits. */
  readonly signal: AbortSignal;
  isReady(): Promise<boolean>;
}

/**
 * Starts listening; withdrawals are done again and configuration is applied first, so that a fresh installation is ready
 * when health says so.
 */
export async function startServer(
  values: Values,
  deps: ServerDeps,
): Promise<RunningGrpcServer & { readonly jobs: readonly Job[]; readonly schedules: readonly Schedule[] }> {
  const listening = await grpcServerSettings(values, 'ENMESH_GRPC');
  const publish = publishSettings(values);
  const attestations = new Attestations({ ...deps, readSecret });
  await setTruncateWindow(deps.database, values.ENMESH_TRUNCATE_WINDOW);
  const admin = { ...deps, settings: adminSettings(values) };
  await ensureRevisionTokenKey(values, deps);
  const explainPublish = createExplainPublish({ ...deps, readSecret, settings: publish });
  const operations = { ...deps, explainPublish, settings: await operationsSettings(values) };
  await replayWithdrawals(operations, deps.signal);
  // Not before: roles that wait for nothing but a configuration begin with it.
  if (deps.configuration !== undefined) await applyAtStart(admin, deps.configuration, { always: deps.isDev });
  const streams = createPublishStreams(() => grpc.localClient(PublishServiceDefinition));
  const grpc: RunningGrpcServer = await startGrpcServer({
    ...deps,
    ...listening,
    services: [
      grpcService(PublishServiceDefinition, createPublishService({ ...deps, attestations, settings: publish })),
      grpcService(PublishStreamServiceDefinition, streams.service),
      grpcService(StatsServiceDefinition, createStatsService({ ...deps, settings: statsSettings(values) })),
      grpcService(AdminServiceDefinition, createAdminService(admin)),
      grpcService(OperationsServiceDefinition, createOperationsService(operations)),
    ],
  });
  return {
    ...grpc,
    stop: () => {
      streams.end();
      return grpc.stop();
    },
    jobs: operationsJobs(operations),
    schedules: operationsSchedules(values),
  };
}

/** Names of keys that a publish needs, made when that is allowed, else asked for before the first phone comes. */
async function ensureRevisionTokenKey(values: Values, { keyManager }: ServerDeps): Promise<void> {
  const name = values.ENMESH_REVISION_TOKEN_KEY!;
  if ((await keyManager.findKey(name))?.purpose === 'encryption') return;
  if (!values.ENMESH_CREATE_KEYS) {
    throw new ConfigurationError([
      `ENMESH_REVISION_TOKEN_KEY names ${name}, which the key manager does not have; make it with \`enmesh keys create ${name} --purpose encryption\`, or start one process with ENMESH_CREATE_KEYS=true`,
    ]);
  }
  await keyManager.createEncryptionKey(name);
}

/** What is optional in general was asked for before this role started. */
function publishSettings(values: Values): PublishSettings {
  return {
    maxKeys: values.ENMESH_MAX_KEYS_ON_PUBLISH,
    maxSameStart: values.ENMESH_MAX_SAME_START_INTERVAL_KEYS,
    maxIntervalAgeSeconds: values.ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH,
    maxSymptomOnsetDays: values.ENMESH_MAX_SYMPTOM_ONSET_DAYS,
    maxValidSymptomOnsetReportDays: values.ENMESH_MAX_VALID_SYMPTOM_ONSET_REPORT_DAYS,
    defaultSymptomOnsetDaysAgo: values.ENMESH_DEFAULT_SYMPTOM_ONSET_DAYS_AGO,
    releaseSameDayKeys: values.ENMESH_RELEASE_SAME_DAY_KEYS,
    allowPartialRevisions: values.ENMESH_ALLOW_PARTIAL_REVISIONS,
    certificateLeewaySeconds: values.ENMESH_CERTIFICATE_LEEWAY,
    certificateMaxLifetimeSeconds: values.ENMESH_CERTIFICATE_MAX_LIFETIME,
    revisionTokenKey: values.ENMESH_REVISION_TOKEN_KEY!,
    revisionTokenAad: values.ENMESH_REVISION_TOKEN_AAD!,
    revisionTokenMinLength: values.ENMESH_REVISION_TOKEN_MIN_LENGTH,
    revisionKeyCacheSeconds: values.ENMESH_REVISION_KEY_CACHE,
    authorityCacheSeconds: values.ENMESH_AUTHORITY_CACHE,
    truncateSeconds: values.ENMESH_TRUNCATE_WINDOW,
  };
}

function statsSettings(values: Values): StatsSettings {
  return {
    audience: values.ENMESH_STATS_AUDIENCE,
    uploadMinimum: values.ENMESH_STATS_UPLOAD_MINIMUM,
    embargoSeconds: values.ENMESH_STATS_EMBARGO_PERIOD,
    retentionSeconds: values.ENMESH_RETENTION,
    truncateSeconds: values.ENMESH_TRUNCATE_WINDOW,
    leewaySeconds: values.ENMESH_CERTIFICATE_LEEWAY,
    authorityCacheSeconds: values.ENMESH_AUTHORITY_CACHE,
  };
}

function adminSettings(values: Values): AdminSettings {
  const { ENMESH_IDENTITY_ISSUER: issuer, ENMESH_IDENTITY_SUBJECT: subject } = values;
  return {
    truncateSeconds: values.ENMESH_TRUNCATE_WINDOW,
    maxRecords: values.ENMESH_EXPORT_MAX_RECORDS,
    allowShortWindows: values.ENMESH_UNSAFE_SHORT_WINDOWS,
    allowLoopback: values.ENMESH_UNSAFE_LOOPBACK,
    ...(issuer === undefined ? {} : { self: authorityId({ issuer, subject }) }),
  };
}
