/** Background work on PostgreSQL: queued jobs that are retried, and schedules that fire once over all replicas. */
export { migrateJobs, openJobQueue } from './jobs/queue.ts';
export { startJobs, type JobsOptions } from './jobs/start.ts';
export type { Job, JobQueue, QueuedJob, Schedule } from './jobs/job.ts';
