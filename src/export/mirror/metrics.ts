/** What mirrors tell Prometheus: none is a label, because anybody's configuration may have many. */
import type { Clock } from '../../platform/clock.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Queryable } from '../../storage/database.ts';
import { longestUnreadMirror } from '../../storage/mirrors/mirrors.ts';

/** Where runs report. */
export interface MirrorMetrics {
  run(result: 'completed' | 'failed'): void;
  file(result: 'copied' | 'failed' | 'deleted'): void;
}

/** Declares the metrics, or finds them. */
export function mirrorMetrics({
  database,
  clock,
  metrics,
}: {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly metrics: Metrics;
}): MirrorMetrics {
  const runs = metrics.counter({
    name: 'enmesh_mirror_runs_total',
    help: 'Runs of mirrors by result: completed, or failed because the index could not be read.',
    labelNames: ['result'],
  });
  const files = metrics.counter({
    name: 'enmesh_mirror_files_total',
    help: 'Files of mirrors by what came of them: copied, failed (and tried again) or deleted.',
    labelNames: ['result'],
  });
  metrics.gauge({
    name: 'enmesh_mirror_unread_seconds',
    help: 'Age of the last good reading of the index of the mirror that has gone unread longest.',
    collect: async (gauge) => {
      gauge.set({}, await longestUnreadMirror(database, clock));
    },
  });
  return { run: (result) => runs.inc({ result }), file: (result) => files.inc({ result }) };
}
