import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { openJobQueue, startJobs, type Job, type JobsOptions, type QueuedJob } from '../../../src/platform/jobs.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { runSql } from '../../support/sql.ts';

const silent = createLogger({ level: 'silent', pretty: false });

async function start(databaseUrl: string, options: Partial<JobsOptions>) {
  const jobs = await startJobs({
    databaseUrl,
    jobs: [],
    schedules: [],
    concurrency: 2,
    logger: silent,
    metrics: new Metrics(),
    ...options,
  });
  return { ...jobs, [Symbol.asyncDispose]: () => jobs.stop() };
}

/** A job that notes its runs. */
function noting(
  name: string,
  work: Job['run'] = () => Promise.resolve(),
): Job & { runs: { payload: unknown; at: number }[] } {
  const runs: { payload: unknown; at: number }[] = [];
  return {
    name,
    runs,
    run: async (payload, context) => {
      runs.push({ payload, at: performance.now() });
      await work(payload, context);
    },
  };
}

const eventually = { timeout: 45_000, interval: 20 };

test('a job gets the payload that was enqueued, arrays too', async () => {
  await using db = await createTestDatabase();
  const job = noting('test.note');
  await using jobs = await start(db.url, { jobs: [job], concurrency: 1 });
  await jobs.enqueue('test.note', [1, { two: 2 }]);
  await jobs.enqueue('test.note', undefined);
  await vi.waitUntil(() => job.runs.length === 2, eventually);
  expect(job.runs.map(({ payload }) => payload)).toEqual([[1, { two: 2 }], undefined]);
  await vi.waitUntil(async () => (await jobs.list()).length === 0, eventually);
});

test('a job that waits under a key is replaced, and another job with the same key is not', async () => {
  await using db = await createTestDatabase();
  const queue = await openJobQueue(db.url);
  const runAt = new Date('2100-01-01T00:00:00Z');
  await queue.enqueue('test.one', ['first'], { key: 'k', runAt });
  await queue.enqueue('test.one', ['second'], { key: 'k', runAt, maxAttempts: 3 });
  await queue.enqueue('test.two', [], { key: 'k', runAt });
  expect(await queue.list()).toMatchObject([
    { job: 'test.one', isScheduled: false, attempts: 0, maxAttempts: 3, runAt, lockedAt: null, lastError: null },
    { job: 'test.two', maxAttempts: 25 },
  ] satisfies Partial<QueuedJob>[]);
  await queue.stop();
  await queue.stop();
});

test('a failed job is logged once by its code, waits for another try, and leaves no data behind', async () => {
  await using db = await createTestDatabase();
  const lines: string[] = [];
  const logger = createLogger({
    level: 'debug',
    pretty: false,
    destination: { write: (line) => void lines.push(line) },
  });
  const metrics = new Metrics();
  const failing = noting('test.fail', () =>
    Promise.reject(new AppError('internal', 'out_of_luck', 'no luck', { cause: new Error('cause-of-it') })),
  );
  const foreign = noting('test.foreign', () => Promise.reject(new TypeError('data-of-a-phone')));
  await using jobs = await start(db.url, { jobs: [failing, foreign], logger, metrics });
  await jobs.enqueue('test.fail', { secret: 'payload-of-it' });
  await jobs.enqueue('test.foreign', { secret: 'payload-of-it' });
  await vi.waitUntil(
    async () => (await jobs.list()).filter(({ lastError }) => lastError !== null).length === 2,
    eventually,
  );

  const queued = (await jobs.list()).toSorted((a, b) => (a.job < b.job ? -1 : 1));
  expect(queued).toMatchObject([
    { job: 'test.fail', attempts: 1, lockedAt: null, lastError: 'out_of_luck' },
    { job: 'test.foreign', attempts: 1, lockedAt: null, lastError: 'TypeError' },
  ]);
  const errors = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ level }) => level === 'error')
    // The two jobs run side by side: either may fail first.
    .toSorted((a, b) => (String(a['job']) < String(b['job']) ? -1 : 1));
  expect(errors).toMatchObject([
    { job: 'test.fail', code: 'out_of_luck', attempt: 1 },
    { job: 'test.foreign', code: 'TypeError' },
  ]);
  expect(lines.join('')).not.toContain('payload-of-it');
  expect((await metrics.render()).body).toContain('enmesh_job_runs_total{job="test.fail",outcome="failed"} 1');
});

test('a schedule fires once at each multiple of its interval, however many replicas run', async () => {
  await using db = await createTestDatabase();
  const job = noting('test.tick');
  const schedules = [{ job: 'test.tick', everySeconds: 0.5 }];
  await using others = new AsyncDisposableStack();
  others.use(await start(db.url, { jobs: [job], schedules }));
  others.use(await start(db.url, { jobs: [job], schedules }));
  await using three = await start(db.url, { jobs: [job], schedules });
  await vi.waitUntil(() => job.runs.length >= 6, eventually);
  const [first, ...rest] = job.runs.map(({ at }) => at);
  // Besides the first, which is due at once, no more than the multiples since then; late ones may fall together.
  expect(rest.length).toBeLessThanOrEqual(Math.floor(((rest.at(-1) ?? 0) - (first ?? 0)) / 500) + 1);
  expect((await three.list()).filter(({ isScheduled, lockedAt }) => isScheduled && lockedAt === null)).toHaveLength(1);
});

test('a run that lasts longer than the interval is not joined by another', async () => {
  await using db = await createTestDatabase();
  const metrics = new Metrics();
  const gate = Promise.withResolvers<undefined>();
  const job = noting('test.slow', () => gate.promise);
  const schedules = [{ job: 'test.slow', everySeconds: 0.2 }];
  await using others = new AsyncDisposableStack();
  others.use(await start(db.url, { jobs: [job], schedules, metrics }));
  others.use(await start(db.url, { jobs: [job], schedules, metrics }));
  const skipped = /enmesh_job_runs_total\{job="test.slow",outcome="skipped"\} [2-9]/;
  await vi.waitUntil(async () => skipped.test((await metrics.render()).body), eventually);
  expect(job.runs).toHaveLength(1);
  gate.resolve(undefined);
  await vi.waitUntil(() => job.runs.length > 1, eventually);
});

test('a failed run of a schedule leaves nothing behind, and the next one comes', async () => {
  await using db = await createTestDatabase();
  const job = noting('test.tick', () => Promise.reject(new AppError('unavailable', 'unavailable', 'later')));
  await using jobs = await start(db.url, { jobs: [job], schedules: [{ job: 'test.tick', everySeconds: 0.2 }] });
  await vi.waitUntil(() => job.runs.length >= 3, eventually);
  await jobs.stop();
  expect(await runSql(db.url, 'select attempts, last_error from graphile_worker.jobs')).toEqual([
    { attempts: 0, last_error: null },
  ]);
});

test('a shorter interval counts from the next start, without waiting for the old one', async () => {
  await using db = await createTestDatabase();
  const job = noting('test.tick');
  await using before = await start(db.url, { jobs: [job], schedules: [{ job: 'test.tick', everySeconds: 86_400 }] });
  await vi.waitUntil(() => job.runs.length === 1, eventually);
  await before.stop();
  await using again = new AsyncDisposableStack();
  again.use(await start(db.url, { jobs: [job], schedules: [{ job: 'test.tick', everySeconds: 0.2 }] }));
  await vi.waitUntil(() => job.runs.length === 3, eventually);
});

test('a worker killed in the middle of a run does not stop its schedule', async () => {
  await using db = await createTestDatabase();
  const child = spawn(process.execPath, [fileURLToPath(new URL('held-schedule.ts', import.meta.url)), db.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');

  const job = noting('test.tick');
  await using jobs = await start(db.url, { jobs: [job], schedules: [{ job: 'test.tick', everySeconds: 0.5 }] });
  await vi.waitUntil(() => job.runs.length >= 2, eventually);
  // The library holds what was killed for hours: it must not be what the schedule hangs on.
  expect((await jobs.list()).some(({ lockedAt }) => lockedAt !== null)).toBe(true);
});

test('a worker killed before it renewed its schedule does not stop it either', async () => {
  await using db = await createTestDatabase();
  const job = noting('test.tick');
  const schedules = [{ job: 'test.tick', everySeconds: 1 }];
  await using before = await start(db.url, { jobs: [job], schedules });
  await vi.waitUntil(() => job.runs.length === 1, eventually);
  await before.stop();
  await runSql(
    db.url,
    `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'killed', attempts = 1 where key = 'schedule:test.tick'`,
  );
  await using again = new AsyncDisposableStack();
  again.use(await start(db.url, { jobs: [job], schedules }));
  await vi.waitUntil(() => job.runs.length >= 3, eventually);
});

test('stopping waits for what runs, aborts it after the grace, and its end is written by then', async () => {
  await using db = await createTestDatabase();
  const metrics = new Metrics();
  const job = noting('test.long', async (_payload, { signal }) => {
    await once(signal, 'abort');
    signal.throwIfAborted();
  });
  const patient = noting('test.patient', async (_payload, { signal }) => {
    await once(signal, 'abort');
  });
  await using jobs = await start(db.url, { jobs: [job, patient], abortAfterMs: 50, metrics });
  await jobs.enqueue('test.long', null);
  await jobs.enqueue('test.patient', null);
  await vi.waitUntil(() => job.runs.length + patient.runs.length === 2, eventually);
  await jobs.stop();
  expect(await runSql(db.url, 'select task_identifier, locked_at, last_error from graphile_worker.jobs')).toEqual([
    { task_identifier: 'test.long', locked_at: null, last_error: 'AbortError' },
  ]);
  expect((await metrics.render()).body).toContain('enmesh_job_runs_total{job="test.long",outcome="interrupted"} 1');
});

test('work goes on after the database has cut every connection in the middle of a job', async () => {
  await using db = await createTestDatabase();
  const gate = Promise.withResolvers<undefined>();
  const job = noting('test.cut', () => gate.promise);
  const tick = noting('test.tick');
  await using jobs = await start(db.url, { jobs: [job, tick], schedules: [{ job: 'test.tick', everySeconds: 0.5 }] });
  await jobs.enqueue('test.cut', null);
  await vi.waitUntil(() => job.runs.length === 1, eventually);
  await runSql(
    db.url,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  );
  gate.resolve(undefined);
  const before = tick.runs.length;
  await vi.waitUntil(() => tick.runs.length >= before + 3, eventually);
});

test('a schedule of a job that does not exist is refused', async () => {
  await using db = await createTestDatabase();
  await expect(start(db.url, { schedules: [{ job: 'test.none', everySeconds: 60 }] })).rejects.toMatchObject({
    code: 'unknown_job',
  });
});

test('a database that does not answer is unavailable', async () => {
  const nobody = 'postgresql://enmesh@127.0.0.1:1/postgres';
  await expect(openJobQueue(nobody)).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(start(nobody, { jobs: [noting('test.note')] })).rejects.toMatchObject({ kind: 'unavailable' });
});
