/** Adding to the queue and looking at it. */
import {
  Logger as WorkerLogger,
  makeWorkerUtils,
  runMigrations,
  type AddJobFunction,
  type WithPgClient,
} from 'graphile-worker';
import { AppError } from '../../domain/errors.ts';
import type { Running } from '../lifecycle.ts';
import type { JobQueue, QueuedJob } from './job.ts';
import { openPool } from './pool.ts';

/** Named, because the library would take another one from the environment. */
export const queueSchema = 'graphile_worker';

/** Before the job's name: a task that belongs to a schedule. */
export const schedulePrefix = 'schedule:';

const silent = new WorkerLogger(() => () => undefined);

/** What stands in the queue: an envelope, because the library merges payloads that are arrays. */
export interface Envelope {
  readonly data?: unknown;
}

/** Brings the queue's own schema up to date. Safe to run from many processes at once. */
export async function migrateJobs(databaseUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, 1);
  try {
    await available(() => runMigrations({ pgPool: pool, schema: queueSchema, logger: silent }));
  } finally {
    await pool.end();
  }
}

/** Connections for everything but running jobs. */
export interface Connections extends Running {
  readonly withClient: WithPgClient;
  readonly addJob: AddJobFunction;
}

/** Opens them. @throws AppError `unavailable` */
export async function openConnections(databaseUrl: string): Promise<Connections> {
  const pool = openPool(databaseUrl, 2);
  let stopping: Promise<void> | undefined;
  try {
    const utils = await available(() => makeWorkerUtils({ pgPool: pool, schema: queueSchema, logger: silent }));
    const stop = async () => {
      await utils.release();
      await pool.end();
    };
    return { withClient: utils.withPgClient, addJob: utils.addJob, stop: () => (stopping ??= stop()) };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** Opens the queue, without running anything of it. @param databaseUrl a direct connection */
export async function openJobQueue(databaseUrl: string): Promise<JobQueue & Running> {
  const connections = await openConnections(databaseUrl);
  return { ...queueOn(connections), stop: connections.stop };
}

/** The queue on open connections. */
export function queueOn(connections: Connections): JobQueue {
  return {
    enqueue: async (job, payload, { key, runAt, maxAttempts } = {}) => {
      const spec = {
        ...(key === undefined ? {} : { jobKey: `${job}:${key}` }),
        ...(runAt === undefined ? {} : { runAt }),
        ...(maxAttempts === undefined ? {} : { maxAttempts }),
      };
      await available(() => connections.addJob(job, { data: payload } satisfies Envelope, spec));
    },
    list: () => available(() => listJobs(connections)),
  };
}

interface JobRow {
  id: string;
  task_identifier: string;
  attempts: number;
  max_attempts: number;
  run_at: Date;
  locked_at: Date | null;
  last_error: string | null;
}

async function listJobs({ withClient }: Connections): Promise<readonly QueuedJob[]> {
  const { rows } = await withClient((client) =>
    client.query<JobRow>(
      `select id::text, task_identifier, attempts, max_attempts, run_at, locked_at, last_error
         from graphile_worker.jobs order by run_at, id`,
    ),
  );
  return rows.map((row) => ({
    id: row.id,
    job: row.task_identifier.replace(schedulePrefix, ''),
    isScheduled: row.task_identifier.startsWith(schedulePrefix),
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    runAt: row.run_at,
    lockedAt: row.locked_at,
    lastError: row.last_error,
  }));
}

/** The queue is the database: whatever fails on the way may pass with time. */
export async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('unavailable', 'unavailable', 'the job queue does not answer; try again later', { cause });
  }
}
