/** Background work of mirrors: bring those that are due up to date, and delete what mirrors that are gone have left. */
import type { Job } from '../../platform/jobs.ts';
import { dueMirrors } from '../../storage/mirrors/mirrors.ts';
import { deleteLeftovers } from './delete-copies.ts';
import { mirrorMetrics } from './metrics.ts';
import { runMirror } from './run.ts';
import { atATime } from './run-all.ts';
import type { MirrorDeps } from './settings.ts';

/** A mirror with many new files makes room for the others after it, and goes on in the next run. */
const copyLimitMs = 5 * 60_000;

/** `mirror.run`, one over all replicas: a server that is dead or slow takes no place from other jobs, and little from other mirrors. */
export function mirrorJobs(deps: MirrorDeps): Job[] {
  // Declared at once, so that a mirror that goes unread is seen on every replica.
  mirrorMetrics(deps);
  return [
    {
      name: 'mirror.run',
      run: async (_payload, { signal }) => {
        const waiting = (await dueMirrors(deps.database, deps.clock)).values();
        const work = async (): Promise<void> => {
          for (const id of waiting) await runMirror(deps, id, { signal, ignoreBackOff: false, copyLimitMs });
        };
        await Promise.all(Array.from({ length: atATime }, work));
        await deleteLeftovers(deps, signal);
      },
    },
  ];
}
