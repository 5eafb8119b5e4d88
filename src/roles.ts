/** The one composition root: which role needs what, in which order things start, and in reverse stop. */
import { join } from 'node:path';
import type { Configuration } from './domain/configuration/configuration.ts';
import { startExport } from './export/start.ts';
import { startFederation } from './federation/start.ts';
import { gatewaySettings } from './gateway/settings.ts';
import { startGateway } from './gateway/start.ts';
import { ExportServiceDefinition } from './gen/enmesh/export/v1/export.ts';
import { PublishServiceDefinition } from './gen/enmesh/publish/v1/publish.ts';
import { systemClock, type Clock } from './platform/clock.ts';
import { ConfigurationError, type Values } from './platform/config/load.ts';
import type { Address } from './platform/config/readers.ts';
import { callSettings } from './platform/config/tls-files.ts';
import { createGrpcClient } from './platform/grpc/client.ts';
import { createHealthClient } from './platform/grpc/health-client.ts';
import { openJobQueue, startJobs, type Job, type JobQueue, type Schedule } from './platform/jobs.ts';
import type { KeyManager } from './platform/key-manager/key-manager.ts';
import { openKeyManager } from './platform/key-manager/open.ts';
import { Lifecycle, type Running } from './platform/lifecycle.ts';
import type { Logger } from './platform/logger.ts';
import { Metrics } from './platform/metrics.ts';
import { startStatusServer, type ReadinessCheck } from './platform/status-server.ts';
import { startServer } from './server/start.ts';
import type { BlobStore } from './storage/blob/blob-store.ts';
import { openBlobStore } from './storage/blob/open.ts';
import { Database } from './storage/database.ts';
import { migrate } from './storage/migrate.ts';

/** Every role, in the order in which they start. */
export const roleNames = ['server', 'export', 'federation', 'gateway'] as const;

/** A part of Enmesh that can run alone. */
export type Role = (typeof roleNames)[number];

/** Tells role names from other words. */
export function isRole(name: string): name is Role {
  return (roleNames as readonly string[]).includes(name);
}

/** What to run, and with what. */
export interface RolesOptions {
  readonly roles: ReadonlySet<Role>;
  readonly values: Values;
  readonly logger: Logger;
  /** The content of ENMESH_CONFIG. */
  readonly configuration?: Configuration;
  /** Development: `configuration` is applied at every start, not only into a database without one. */
  readonly isDev: boolean;
  readonly clock?: Clock;
}

/** What runs, and where it listens. */
export interface RunningRoles extends Running {
  readonly addresses: Readonly<Partial<Record<Role | 'metrics', Address>>>;
}

/** What every role but the gateway shares in one process. */
export interface SharedResources {
  readonly database: Database;
  readonly blobStore: BlobStore;
  readonly keyManager: KeyManager;
  readonly jobQueue: JobQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly configuration?: Configuration;
  readonly isDev: boolean;
  isReady(): Promise<boolean>;
}

/** A started role with the work that it wants done in the background. */
export interface StartedRole extends Running {
  readonly address: Address;
  readonly jobs?: readonly Job[];
  readonly schedules?: readonly Schedule[];
}

/**
 * Starts roles; when one fails, those that run already are stopped.
 * @throws ConfigurationError for an environment that these roles cannot use, AppError for what is missing around them
 */
export async function startRoles(options: RolesOptions): Promise<RunningRoles> {
  const lifecycle = new Lifecycle();
  try {
    return await startInOrder(options, lifecycle);
  } catch (error) {
    await lifecycle
      .stop()
      .catch((stopError: unknown) => options.logger.error({ err: stopError }, 'stop after a failed start'));
    throw error;
  }
}

async function startInOrder(options: RolesOptions, lifecycle: Lifecycle): Promise<RunningRoles> {
  const { roles, values, logger } = options;
  const metrics = new Metrics({ processMetrics: true });
  const checks: ReadinessCheck[] = [];
  const addresses: Partial<Record<Role | 'metrics', Address>> = {};
  const status = lifecycle.add(
    await startStatusServer({ address: values.ENMESH_METRICS_ADDRESS, metrics, checks, logger }),
  );
  addresses.metrics = status.address;

  const stateful = (['server', 'export', 'federation'] as const).filter((role) => roles.has(role));
  if (stateful.length > 0) {
    const shared = await openSharedResources(options, { lifecycle, metrics });
    checks.push({ name: 'database', run: shared.isReady });
    const started = new Map<Role, StartedRole>();
    for (const role of stateful) started.set(role, lifecycle.add(await starters[role](values, shared)));
    for (const [role, { address }] of started) addresses[role] = address;
    lifecycle.add(await startBackground(values, shared, [...started.values()]));
  }
  if (roles.has('gateway')) {
    const gateway = await startGatewayRole(options, { lifecycle, metrics, addresses });
    addresses.gateway = gateway.address;
    checks.push({ name: 'server role', run: gateway.isReady });
  }
  return { addresses, stop: () => lifecycle.stop() };
}

const starters: Record<Exclude<Role, 'gateway'>, (values: Values, shared: SharedResources) => Promise<StartedRole>> = {
  server: startServer,
  export: startExport,
  federation: startFederation,
};

async function openSharedResources(
  { values, logger, isDev, configuration, clock = systemClock }: RolesOptions,
  { lifecycle, metrics }: { lifecycle: Lifecycle; metrics: Metrics },
): Promise<SharedResources> {
  const { url, directUrl, dataDir } = requiredSettings(values);
  if (values.ENMESH_MIGRATE_AT_START) {
    const { applied } = await migrate(directUrl);
    if (applied.length > 0) logger.info({ applied }, 'database schema brought up to date');
  }
  const database = lifecycle.add(
    new Database(
      {
        url,
        poolSize: values.ENMESH_DATABASE_POOL_SIZE,
        applicationName: 'enmesh',
        statementTimeoutMs: values.ENMESH_DATABASE_STATEMENT_TIMEOUT * 1000,
      },
      (error) => logger.warn({ err: error }, 'an idle database connection broke'),
    ),
  );
  return {
    database,
    blobStore: await openBlobStore({ kind: values.ENMESH_BLOB_STORE, dir: join(dataDir, 'blobs') }),
    keyManager: openKeyManager({ kind: values.ENMESH_KEY_MANAGER, dir: join(dataDir, 'keys') }),
    jobQueue: lifecycle.add(await openJobQueue(directUrl)),
    clock,
    logger,
    metrics,
    isDev,
    ...(configuration === undefined ? {} : { configuration }),
    isReady: async () => {
      await database.query('select 1');
      return true;
    },
  };
}

function requiredSettings(values: Values): { url: string; directUrl: string; dataDir: string } {
  const faults: string[] = [];
  const url = values.ENMESH_DATABASE_URL;
  const dataDir = values.ENMESH_DATA_DIR;
  if (url === undefined) {
    faults.push(
      'ENMESH_DATABASE_URL is not set: every role but the gateway needs PostgreSQL, such as postgresql://USER:PASSWORD@HOST:5432/enmesh (`enmesh dev` brings its own)',
    );
  }
  if (dataDir === undefined) {
    faults.push('ENMESH_DATA_DIR is not set: the filesystem blob store and key manager keep their files there');
  }
  if (values.ENMESH_RETENTION < minRetentionSeconds && !values.ENMESH_UNSAFE_RETENTION) {
    faults.push(
      'ENMESH_RETENTION wants at least 10d: phones match keys of 14 days (ENMESH_UNSAFE_RETENTION=true in tests)',
    );
  }
  if (url === undefined || dataDir === undefined || faults.length > 0) throw new ConfigurationError(faults);
  return { url, directUrl: values.ENMESH_DATABASE_DIRECT_URL ?? url, dataDir };
}

/** 10 days, as the deployed clean-up insists. */
const minRetentionSeconds = 10 * 86_400;

async function startBackground(
  values: Values,
  { logger, metrics }: SharedResources,
  started: readonly StartedRole[],
): Promise<Running> {
  return await startJobs({
    databaseUrl: requiredSettings(values).directUrl,
    jobs: started.flatMap(({ jobs }) => jobs ?? []),
    schedules: started.flatMap(({ schedules }) => schedules ?? []),
    concurrency: values.ENMESH_EXPORT_CONCURRENCY + 1,
    logger,
    metrics,
  });
}

async function startGatewayRole(
  { values, logger }: RolesOptions,
  {
    lifecycle,
    metrics,
    addresses,
  }: { lifecycle: Lifecycle; metrics: Metrics; addresses: Partial<Record<string, Address>> },
): Promise<StartedRole & { isReady(): Promise<boolean> }> {
  const calls = await callSettings(values);
  const serverTarget = values.ENMESH_SERVER_TARGET ?? targetOf(addresses['server'] ?? values.ENMESH_GRPC_ADDRESS);
  const exportTarget = values.ENMESH_EXPORT_TARGET ?? targetOf(addresses['export'] ?? values.ENMESH_EXPORT_ADDRESS);
  const publish = lifecycle.add(closing(createGrpcClient(PublishServiceDefinition, serverTarget, calls)));
  const exports = lifecycle.add(closing(createGrpcClient(ExportServiceDefinition, exportTarget, calls)));
  const health = lifecycle.add(closing(createHealthClient(serverTarget, calls)));
  const isReady = () => health.isServing();
  const gateway = await startGateway({
    settings: await gatewaySettings(values),
    publish: publish.client,
    exports: exports.client,
    logger,
    metrics,
    isReady,
  });
  return { ...lifecycle.add(gateway), isReady };
}

function targetOf({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function closing<T extends { close(): void }>(client: T): T & Running {
  return Object.assign(client, {
    stop: (): Promise<void> => {
      client.close();
      return Promise.resolve();
    },
  });
}
