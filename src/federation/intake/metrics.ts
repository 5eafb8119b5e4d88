/** What taking keys of partners in tells Prometheus: no partner is a label here, because there may be many. */
import type { Verdict } from '../../domain/federation/verdict.ts';
import type { IntakeDirection } from '../../storage/partners/partner-quarantine.ts';
import type { IntakeDeps } from './settings.ts';

/** Where the intake reports, after the commit. */
export interface IntakeMetrics {
  /** One batch. */
  batch(direction: IntakeDirection, verdicts: readonly Verdict[]): void;
}

/** Declares the metrics, or finds them. */
export function intakeMetrics({ metrics }: Pick<IntakeDeps, 'metrics'>): IntakeMetrics {
  const batches = metrics.counter({
    name: 'enmesh_federation_batches_total',
    help: 'Batches of partners that were taken in, by direction: pull or push.',
    labelNames: ['direction'],
  });
  const keys = metrics.counter({
    name: 'enmesh_federation_received_keys_total',
    help: 'Keys of partners by direction and verdict: stored, known, changed, or why they were refused.',
    labelNames: ['direction', 'verdict'],
  });
  return {
    batch: (direction, verdicts) => {
      batches.inc({ direction });
      for (const [verdict, number] of Map.groupBy(verdicts, (verdict) => verdict)) {
        keys.inc({ direction, verdict }, number.length);
      }
    },
  };
}
