/** Runs jobs and schedules until it is stopped, also through failures of the database. */
import { setTimeout as wait } from 'node:timers/promises';
import type { WithPgClient } from 'graphile-worker';
import { AppError } from '../../domain/errors.ts';
import type { Running } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Job, JobQueue, Schedule } from './job.ts';
import { available, openConnections, queueOn } from './queue.ts';
import { jobMetrics } from './run-job.ts';
import { ensureSchedules } from './schedules.ts';
import { startWorker, type Worker, type WorkerSettings } from './worker.ts';

/** What to run, and how much of it at a time. */
export interface JobsOptions {
  /** A direct connection: LISTEN and locks need a session. */
  readonly databaseUrl: string;
  readonly jobs: readonly Job[];
  readonly schedules: readonly Schedule[];
  /** Runs at a time in this process. */
  readonly concurrency: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** When asked to stop, runs get so long before their signal aborts; 5 s when not given. */
  readonly abortAfterMs?: number;
}

const ensureEveryMs = 60_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Starts to run jobs. Stopping takes no more work, aborts the signal of what still runs after a grace, and waits for it.
 * @throws AppError `internal` for a schedule of an unknown job, `unavailable` when the database does not answer
 */
export async function startJobs(options: JobsOptions): Promise<JobQueue & Running> {
  const settings = workerSettings(options);
  const connections = await openConnections(options.databaseUrl);
  const queue = queueOn(connections);
  if (settings.jobs.size === 0) return { ...queue, stop: connections.stop };

  const stopped = new AbortController();
  const { ended } = await startAll(settings, connections.withClient, stopped.signal).catch(async (error: unknown) => {
    await connections.stop();
    throw error;
  });
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    stopped.abort();
    await ended;
    await connections.stop();
  };
  return { ...queue, stop: () => (stopping ??= stop()) };
}

function workerSettings(options: JobsOptions): WorkerSettings {
  const jobs = new Map(options.jobs.map((job) => [job.name, job]));
  for (const { job } of options.schedules) {
    if (!jobs.has(job)) throw new AppError('internal', 'unknown_job', `a schedule names an unknown job: ${job}`);
  }
  return {
    databaseUrl: options.databaseUrl,
    jobs,
    schedules: options.schedules,
    concurrency: options.concurrency,
    abortAfterMs: options.abortAfterMs ?? 5_000,
    logger: options.logger,
    metrics: jobMetrics(options.metrics),
  };
}

/** @returns what resolves when everything has ended, after the signal aborted */
async function startAll(
  settings: WorkerSettings,
  withClient: WithPgClient,
  signal: AbortSignal,
): Promise<{ ended: Promise<void> }> {
  await available(() => ensureSchedules(settings.schedules, withClient));
  const worker = await startWorker(settings, signal);
  const timer = setInterval(() => {
    ensureSchedules(settings.schedules, withClient).catch((error: unknown) => {
      settings.logger.warn({ err: error }, 'schedules could not be looked after');
    });
  }, ensureEveryMs);
  const ended = keepWorking(settings, worker, signal).finally(() => clearInterval(timer));
  return { ended };
}

/** The library gives up for good when it cannot write how a job ended: then another worker takes over. */
async function keepWorking(settings: WorkerSettings, first: Worker, signal: AbortSignal): Promise<void> {
  const isStopped = () => signal.aborted;
  let { ended } = first;
  let pauseMs = firstPauseMs;
  while (!isStopped()) {
    const startedAt = performance.now();
    const error = await ended;
    if (isStopped()) return;
    settings.logger.error({ err: error }, 'background jobs ended; they start again');
    pauseMs = performance.now() - startedAt > ensureEveryMs ? firstPauseMs : Math.min(2 * pauseMs, longestPauseMs);
    await wait(pauseMs, undefined, { signal }).catch(() => undefined);
    if (isStopped()) return;
    ended = startWorker(settings, signal).then(
      (worker) => worker.ended,
      (reason: unknown) => reason,
    );
  }
}
