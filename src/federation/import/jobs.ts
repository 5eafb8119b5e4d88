/** `import.run`: reads indexes when it is their time, and imports files that are due. */
import type { Job, Schedule } from '../../platform/jobs.ts';
import { watchImports } from './metrics.ts';
import { runImports } from './run.ts';
import type { ImportDeps } from './settings.ts';

const name = 'import.run';
/** Often enough for the shortest pause after a failure; a run without work reads a few rows. */
const mostSeconds = 60;
/** An import with many new files, or of a server that is slow or dead, makes room for the others after it. */
const fileLimitMs = 2 * 60_000;

/** The job; one run at a time over all replicas. */
export function importJobs(deps: ImportDeps): Job[] {
  watchImports(deps);
  return [
    {
      name,
      run: async (_payload, { signal }) => {
        await Array.fromAsync(runImports(deps, { isAsked: false, fileLimitMs, signal }));
      },
    },
  ];
}

/** When it runs. */
export function importSchedules({ settings }: ImportDeps): Schedule[] {
  return [{ job: name, everySeconds: Math.min(mostSeconds, settings.intervalSeconds) }];
}
