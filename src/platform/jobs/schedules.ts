/**
 * Schedules as one row each in the queue, which every firing renews before it works.
 * The library keeps what a killed worker held locked for hours, but adding under the same key makes a new row; so a
 * kill at any moment delays a schedule by a minute at most.
 */
import type { JobHelpers, Task, WithPgClient } from 'graphile-worker';
import type { Job, Schedule } from './job.ts';
import { schedulePrefix } from './queue.ts';
import { runJob, type RunContext } from './run-job.ts';

/** First half of the advisory locks that keep runs of one schedule apart. */
const lockClass = 0x454e4d4a;

/** Adds the firing at the next multiple of $2 seconds, in place of the one that waits or is held under the same name. */
const renew = `
select from graphile_worker.add_job($1, '{}', job_key => $1,
  run_at => to_timestamp((floor(extract(epoch from clock_timestamp()) / $2::float8) + 1) * $2::float8))`;

/** Does nothing while a firing waits that is due within $2 seconds. The first one ever is due at once. */
const ensure = `
with waiting as (select run_at, locked_at, attempts < max_attempts as may_run from graphile_worker.jobs where key = $1)
select graphile_worker.add_job($1, '{}', job_key => $1,
         run_at => case when exists (select from waiting)
           then to_timestamp((floor(extract(epoch from clock_timestamp()) / $2::float8) + 1) * $2::float8) end)
 where not exists (
   select from waiting
    where locked_at is null and may_run and run_at <= clock_timestamp() + make_interval(secs => $2::float8))`;

/** Takes permanently failed jobs out of the queue when they have been seen for a week. */
const forgetFailed = `
select graphile_worker.complete_jobs(array(
  select id from graphile_worker.jobs
   where attempts >= max_attempts and locked_at is null and updated_at < now() - interval '7 days'))`;

/** Makes sure that every schedule has its row: at start, and again each minute. */
export async function ensureSchedules(schedules: readonly Schedule[], withClient: WithPgClient): Promise<void> {
  await withClient(async (client) => {
    for (const { job, everySeconds } of schedules) await client.query(ensure, [schedulePrefix + job, everySeconds]);
    await client.query(forgetFailed);
  });
}

/** The task that a schedule's row names. */
export function scheduledTask(
  job: Job,
  { everySeconds }: Schedule,
  contextOf: (helpers: JobHelpers) => RunContext,
): Task {
  return async (_payload, helpers) => {
    const context = contextOf(helpers);
    await helpers.query(renew, [schedulePrefix + job.name, everySeconds]);
    // The lock belongs to the connection, so that it ends with a killed process.
    await helpers.withPgClient(async (client) => {
      const lock = [lockClass, job.name];
      const { rows } = await client.query<{ taken: boolean }>(
        'select pg_try_advisory_lock($1, hashtext($2)) as taken',
        lock,
      );
      if (rows[0]?.taken !== true) {
        context.metrics.runs.inc({ job: job.name, outcome: 'skipped' });
        return;
      }
      await runJob(job, undefined, context);
      await client.query('select pg_advisory_unlock($1, hashtext($2))', lock);
    });
  };
}
