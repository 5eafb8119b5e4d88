/** One run of a job: measured, and its failure told once. */
import { AppError } from '../../domain/errors.ts';
import type { Logger } from '../logger.ts';
import type { CounterMetric, HistogramMetric, Metrics } from '../metrics.ts';
import type { Job } from './job.ts';

/** How a run ended; `skipped` = an earlier run of the same schedule still lasts. */
export type Outcome = 'completed' | 'failed' | 'interrupted' | 'skipped';

/** What is known of every run. */
export interface JobMetrics {
  readonly runs: CounterMetric;
  readonly seconds: HistogramMetric;
}

/** Declares the metrics. */
export function jobMetrics(metrics: Metrics): JobMetrics {
  return {
    runs: metrics.counter({
      name: 'enmesh_job_runs_total',
      help: 'Runs of background jobs by outcome: completed, failed, interrupted by a stop, or skipped because the last one still ran.',
      labelNames: ['job', 'outcome'],
    }),
    seconds: metrics.histogram({
      name: 'enmesh_job_seconds',
      help: 'How long runs of background jobs took.',
      labelNames: ['job'],
      buckets: [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800],
    }),
  };
}

/** What a run needs around it. */
export interface RunContext {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly metrics: JobMetrics;
  /** Number of this try, from 1. */
  readonly attempt: number;
}

/**
 * Runs it, and never throws.
 * @returns undefined, or the code of its failure
 */
export async function runJob(job: Job, payload: unknown, context: RunContext): Promise<string | undefined> {
  const logger = context.logger.child({ job: job.name });
  const startedAt = performance.now();
  let failure: string | undefined;
  let outcome: Outcome = 'completed';
  try {
    await job.run(payload, { signal: context.signal, logger });
  } catch (error) {
    failure = failureCode(error);
    outcome = context.signal.aborted ? 'interrupted' : 'failed';
    logFailure(logger, error, { outcome, code: failure, attempt: context.attempt });
  }
  context.metrics.runs.inc({ job: job.name, outcome });
  context.metrics.seconds.observe({ job: job.name }, (performance.now() - startedAt) / 1000);
  return failure;
}

function logFailure(logger: Logger, error: unknown, fields: { outcome: Outcome; code: string; attempt: number }): void {
  if (fields.outcome === 'interrupted') logger.info(fields, 'job interrupted');
  else if (error instanceof AppError && error.isCallersFault) logger.warn({ ...fields, err: error }, 'job failed');
  else logger.error({ ...fields, err: error }, 'job failed');
}

/** What the queue keeps of a failure: a word, because messages of foreign errors may hold data. */
function failureCode(error: unknown): string {
  if (error instanceof AppError) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
