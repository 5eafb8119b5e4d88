/** Keeps roles that run without the server role from serving a restored database before withdrawals were done again in it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { JobQueue } from './platform/jobs.ts';
import type { Logger } from './platform/logger.ts';
import type { Database } from './storage/database.ts';
import { mayServe } from './storage/restore-check.ts';

/** What waiting needs. */
export interface AwaitDeps {
  readonly database: Database;
  readonly jobQueue: JobQueue;
  readonly logger: Logger;
}

/** A server role that starts, or is asked to, needs a second where there is nothing to do. */
const lookAgainMs = 500;

/**
 * Waits until a process of the server role has looked through the database, and asks those that run to.
 * @param signal of the process; it ends the waiting by its reason
 * @throws AppError of the database
 */
export async function awaitReplay({ database, jobQueue, logger }: AwaitDeps, signal: AbortSignal): Promise<void> {
  if (await mayServe(database)) return;
  logger.warn(
    'PostgreSQL was started anew, or restored: waiting for a process of the server role to look for withdrawals that it lacks',
  );
  await jobQueue.enqueue('withdrawals.keep', {}, { key: 'withdrawals.keep', maxAttempts: 1 });
  do await pause(lookAgainMs, undefined, { signal });
  while (!(await mayServe(database)));
}
