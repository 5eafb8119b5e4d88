/** A process for tests to kill: runs the schedule `test.tick` and never ends its first run. */
import { startJobs } from '../../../src/platform/jobs.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';

await startJobs({
  databaseUrl: process.argv[2] ?? '',
  jobs: [
    {
      name: 'test.tick',
      run: async () => {
        process.stdout.write('running\n');
        await new Promise(() => undefined);
      },
    },
  ],
  schedules: [{ job: 'test.tick', everySeconds: 0.5 }],
  concurrency: 1,
  logger: createLogger({ level: 'silent', pretty: false }),
  metrics: new Metrics(),
});
