/** What background work is, for those who have some. */
import type { Logger } from '../logger.ts';

/** What a run is given besides its payload. */
export interface JobContext {
  /** Aborts when the process is asked to stop and its grace is over. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** One kind of work. It may run twice with the same payload: after a crash, or after a failure. */
export interface Job {
  /** `area.verb`; stable, because it stands in the queue and in metrics. */
  readonly name: string;
  /** @param payload what was enqueued, through JSON; undefined for a schedule. Throw an AppError to fail. */
  run(payload: unknown, context: JobContext): Promise<void>;
}

/**
 * Runs a job, without payload, at every multiple of the interval since 1970, by the database's clock; once over all
 * replicas, and for the first time at once. While a run lasts, the same schedule does not start another: what falls
 * due meanwhile is left out. A failed run is not repeated: the next one comes anyway.
 */
export interface Schedule {
  readonly job: string;
  /** Above 0; may be a fraction. */
  readonly everySeconds: number;
}

/** Work that waits or runs. */
export interface QueuedJob {
  readonly id: string;
  readonly job: string;
  readonly isScheduled: boolean;
  /** Tries so far, with the one that runs. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly runAt: Date;
  /** A worker holds it since; null = it waits. */
  readonly lockedAt: Date | null;
  /** Code of the last failure. */
  readonly lastError: string | null;
}

/** Where work is put. */
export interface JobQueue {
  /**
   * Adds a job; any process that knows it may run it.
   * @param options.key a job that waits under the same key is replaced; one that runs is not disturbed
   * @param options.runAt not before
   * @param options.maxAttempts 25 when not given, with growing pauses
   * @throws AppError `unavailable`
   */
  enqueue(
    job: string,
    payload: unknown,
    options?: { readonly key?: string; readonly runAt?: Date; readonly maxAttempts?: number },
  ): Promise<void>;
  /** Everything that waits or runs, next to run first. @throws AppError `unavailable` */
  list(): Promise<readonly QueuedJob[]>;
}
