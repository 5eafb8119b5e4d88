/** What building tells Prometheus. */
import type { ExportFile } from '../../domain/export/batch.ts';
import type { Metrics } from '../../platform/metrics.ts';

/** Seconds; a batch of a million keys takes a few. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Where builders report. */
export interface ExportMetrics {
  built(files: readonly ExportFile[], seconds: number): void;
  failed(): void;
}

/** Declares the metrics, or finds them. */
export function exportMetrics(metrics: Metrics): ExportMetrics {
  const batches = metrics.counter({
    name: 'enmesh_export_batches_total',
    help: 'Batches by how a try to build them ended.',
    labelNames: ['result'],
  });
  const files = metrics.counter({ name: 'enmesh_export_files_total', help: 'Export files published.' });
  const keys = metrics.counter({
    name: 'enmesh_export_keys_total',
    help: 'Keys in published files, padding included.',
    labelNames: ['list'],
  });
  const duration = metrics.histogram({
    name: 'enmesh_export_batch_seconds',
    help: 'Time to build a batch.',
    buckets: BUCKETS,
  });
  return {
    built: (built, seconds) => {
      batches.inc({ result: 'built' });
      files.inc({}, built.length);
      for (const { counts } of built) {
        keys.inc({ list: 'primary' }, counts.keys);
        keys.inc({ list: 'revised' }, counts.revisedKeys);
      }
      duration.observe({}, seconds);
    },
    failed: () => batches.inc({ result: 'failed' }),
  };
}
