/** The library's worker: takes jobs from the queue and runs them. */
import { Logger as WorkerLogger, run, type JobHelpers, type RunnerOptions, type TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Logger } from '../logger.ts';
import type { Job, Schedule } from './job.ts';
import { available, queueSchema, schedulePrefix, type Envelope } from './queue.ts';
import { openPool } from './pool.ts';
import { runJob, type JobMetrics, type RunContext } from './run-job.ts';
import { scheduledTask } from './schedules.ts';

/** What a worker runs, and how. */
export interface WorkerSettings {
  readonly databaseUrl: string;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly schedules: readonly Schedule[];
  readonly concurrency: number;
  readonly abortAfterMs: number;
  readonly logger: Logger;
  readonly metrics: JobMetrics;
}

/** A worker that runs. */
export interface Worker {
  /** Resolves when it has ended and every job's end is written; with the error when it ended by itself. */
  readonly ended: Promise<unknown>;
}

/** How often it looks for work that has become due; new work is told by NOTIFY. */
const longestPollMs = 1000;
const shortestPollMs = 100;

/** Starts a worker, which stops when the signal aborts. @throws AppError `unavailable` */
export async function startWorker(settings: WorkerSettings, signal: AbortSignal): Promise<Worker> {
  // Each run of a schedule holds one for its lock; the others take and end jobs, and listen.
  const pool = openPool(settings.databaseUrl, 2 * settings.concurrency + 2, settings.logger);
  const runner = await available(() => run(runnerOptions(settings, pool))).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= runner.stop().catch((error: unknown) => {
      settings.logger.debug({ err: error }, 'the worker had ended');
    });
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const ended = runner.promise
    .then(
      () => new Error('the worker ended by itself'),
      (error: unknown) => error,
    )
    .then(async (error) => {
      signal.removeEventListener('abort', stop);
      await stopping;
      await pool.end();
      return error;
    });
  return { ended };
}

function runnerOptions(settings: WorkerSettings, pgPool: Pool): RunnerOptions {
  return {
    pgPool,
    schema: queueSchema,
    concurrency: settings.concurrency,
    pollInterval: pollInterval(settings.schedules),
    gracefulShutdownAbortTimeout: settings.abortAfterMs,
    noHandleSignals: true,
    parsedCronItems: [],
    taskList: taskList(settings),
    logger: workerLogger(settings.logger),
    // Without a delay, 0 too, the library neither waits until a job's end is written nor handles its failure.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  };
}

function pollInterval(schedules: readonly Schedule[]): number {
  const quarter = Math.min(...schedules.map(({ everySeconds }) => everySeconds)) * 250;
  return Math.min(longestPollMs, Math.max(shortestPollMs, quarter));
}

function taskList(settings: WorkerSettings): TaskList {
  const contextOf = (helpers: JobHelpers): RunContext => ({
    signal: helpers.abortSignal,
    attempt: helpers.job.attempts,
    logger: settings.logger,
    metrics: settings.metrics,
  });
  const tasks: TaskList = {};
  for (const job of settings.jobs.values()) {
    tasks[job.name] = async (payload: unknown, helpers) => {
      const failure = await runJob(job, (payload as Envelope).data, contextOf(helpers));
      if (failure !== undefined) throw queueError(failure);
    };
  }
  for (const schedule of settings.schedules) {
    const job = settings.jobs.get(schedule.job);
    if (job) tasks[schedulePrefix + job.name] = scheduledTask(job, schedule, contextOf);
  }
  return tasks;
}

/** Tells the library to try again; of the failure it keeps the code alone. */
function queueError(code: string): Error {
  const error = new Error(code);
  error.stack = '';
  return error;
}

/** What the library tells is for those who look for trouble; its second argument holds payloads. */
function workerLogger(logger: Logger): WorkerLogger {
  return new WorkerLogger(() => (_level, message) => {
    logger.debug({ worker: message }, 'job queue');
  });
}
