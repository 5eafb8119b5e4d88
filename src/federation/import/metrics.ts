/** What importing tells Prometheus: no import and no reason is a label, because there may be many. */
import { unknownKey, type Refusal } from '../../domain/import/refusal.ts';
import type { StoredCounts } from '../../storage/imports/import-files.ts';
import { importBacklog } from '../../storage/imports/imports.ts';
import type { ImportDeps } from './settings.ts';

/** Where importing reports. */
export interface ImportMetrics {
  file(outcome: 'imported' | 'failed'): void;
  keys(stored: StoredCounts & { readonly withdrawn: number }, refusals: readonly Refusal[]): void;
}

/** Declares the metrics, or finds them. */
export function importMetrics({ metrics }: Pick<ImportDeps, 'metrics'>): ImportMetrics {
  const files = metrics.counter({
    name: 'enmesh_import_files_total',
    help: "Tries to import other authorities' files by outcome: imported or failed.",
    labelNames: ['outcome'],
  });
  const keys = metrics.counter({
    name: 'enmesh_import_keys_total',
    help: 'Keys of imported files by outcome: inserted, revised, quarantined, withdrawn here, or a revision that waits for its key.',
    labelNames: ['outcome'],
  });
  return {
    file: (outcome) => files.inc({ outcome }),
    keys: ({ inserted, revised, withdrawn }, refusals) => {
      const waiting = refusals.filter((refusal) => refusal === unknownKey).length;
      const outcomes = { inserted, revised, withdrawn, waiting, quarantined: refusals.length - waiting };
      for (const [outcome, number] of Object.entries(outcomes)) if (number > 0) keys.inc({ outcome }, number);
    },
  };
}

/** Declares the gauges that are the same on every replica. */
export function watchImports({ database, clock, metrics }: ImportDeps): void {
  metrics.gauge({
    name: 'enmesh_import_files',
    help: 'Listed files of imports that are not imported, by state: waiting or failed (given up).',
    labelNames: ['state'],
    collect: async (gauge) => {
      const { waitingFiles, failedFiles } = await importBacklog(database, clock);
      gauge.set({ state: 'waiting' }, waitingFiles);
      gauge.set({ state: 'failed' }, failedFiles);
    },
  });
  metrics.gauge({
    name: 'enmesh_import_quarantined_keys',
    help: 'Imported keys in quarantine.',
    collect: async (gauge) => gauge.set({}, (await importBacklog(database, clock)).quarantinedKeys),
  });
  metrics.gauge({
    name: 'enmesh_import_unread_seconds',
    help: "Age of the last good reading of the import's index that has gone unread longest.",
    collect: async (gauge) => gauge.set({}, (await importBacklog(database, clock)).unreadSeconds),
  });
}
