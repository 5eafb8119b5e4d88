/** What roles of one process share: database, blob store, key manager, job queue. Each is opened only where it is needed. */
import { AppError } from './domain/errors.ts';
import type { Clock } from './platform/clock.ts';
import type { Values } from './platform/config/load.ts';
import { openJobQueue, type JobQueue } from './platform/jobs.ts';
import type { KeyManager } from './platform/key-manager/key-manager.ts';
import { openKeyManager } from './platform/key-manager/open.ts';
import { keyManagerSettings } from './platform/key-manager/settings.ts';
import type { Lifecycle } from './platform/lifecycle.ts';
import type { Logger } from './platform/logger.ts';
import type { Metrics } from './platform/metrics.ts';
import type { BlobStore } from './storage/blob/blob-store.ts';
import { openBlobStore } from './storage/blob/open.ts';
import { blobStoreSettings } from './storage/blob/settings.ts';
import { Database } from './storage/database.ts';
import { migrate, pendingMigrations } from './storage/migrate.ts';

/** What the roles with a database share in one process. */
export interface SharedResources {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  isReady(): Promise<boolean>;
}

/** What the roles that sign or encrypt share besides. */
export interface KeyResources extends SharedResources {
  readonly keyManager: KeyManager;
  readonly jobQueue: JobQueue;
}

/** What the roles that work on files share besides. */
export interface DataResources extends KeyResources {
  readonly blobStore: BlobStore;
}

/** What opening needs. */
export interface ResourceOptions {
  /** Checked: what the roles need is set. */
  readonly values: Values;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Opens the database, with a schema that this release can use.
 * @throws AppError `precondition`/`schema_outdated`, `unavailable`
 */
export async function openDatabase(options: ResourceOptions): Promise<SharedResources> {
  const { values, lifecycle, clock, logger, metrics } = options;
  await prepareSchema(values, logger);
  const database = lifecycle.add(
    new Database(
      {
        url: values.ENMESH_DATABASE_URL!,
        poolSize: values.ENMESH_DATABASE_POOL_SIZE,
        applicationName: 'enmesh',
        statementTimeoutMs: values.ENMESH_DATABASE_STATEMENT_TIMEOUT * 1000,
      },
      (error) => logger.warn({ err: error }, 'an idle database connection broke'),
    ),
  );
  const isReady = async (): Promise<boolean> => {
    await database.query('select 1');
    return true;
  };
  return { database, clock, logger, metrics, isReady };
}

async function prepareSchema(values: Values, logger: Logger): Promise<void> {
  if (values.ENMESH_MIGRATE_AT_START) {
    const { applied } = await migrate(directUrl(values));
    if (applied.length > 0) logger.info({ applied }, 'database schema brought up to date');
    return;
  }
  const missing = await pendingMigrations(directUrl(values));
  if (missing.length > 0) {
    throw new AppError(
      'precondition',
      'schema_outdated',
      `the database's schema lacks ${missing.join(', ')}: run \`enmesh migrate\`, or start with ENMESH_MIGRATE_AT_START=true`,
    );
  }
}

/** A connection with a session: for LISTEN, jobs and migrations. */
export function directUrl(values: Values): string {
  return values.ENMESH_DATABASE_DIRECT_URL ?? values.ENMESH_DATABASE_URL!;
}

/** Opens what the roles that sign or encrypt use besides. */
export async function openKeyResources(
  { values, lifecycle }: ResourceOptions,
  shared: SharedResources,
): Promise<KeyResources> {
  return {
    ...shared,
    keyManager: await openKeyManager(keyManagerSettings(values)),
    jobQueue: lifecycle.add(await openJobQueue(directUrl(values))),
  };
}

/** Opens what the roles that work on files use besides. */
export async function openDataResources({ values }: ResourceOptions, opened: KeyResources): Promise<DataResources> {
  return { ...opened, blobStore: await openBlobStore(blobStoreSettings(values)) };
}
