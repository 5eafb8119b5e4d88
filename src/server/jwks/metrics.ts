/** What reading JWKS tells Prometheus: no issuer is a label, because anybody's configuration may have many. */
import type { Clock } from '../../platform/clock.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Queryable } from '../../storage/database.ts';
import { longestUnread } from '../../storage/authorities/jwks.ts';

/** Where refreshes report. */
export interface JwksMetrics {
  refreshed(isRead: boolean): void;
}

/** Declares the metrics, or finds them. */
export function jwksMetrics({
  database,
  clock,
  metrics,
}: {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly metrics: Metrics;
}): JwksMetrics {
  const refreshes = metrics.counter({
    name: 'enmesh_jwks_refreshes_total',
    help: 'JWKS of health authorities by result: read or failed.',
    labelNames: ['result'],
  });
  metrics.gauge({
    name: 'enmesh_jwks_unread_seconds',
    help: 'Age of the last good reading of the JWKS that has gone unread longest; one never read counts from its first failure.',
    collect: async (gauge) => {
      gauge.set({}, (await longestUnread(database, clock.forDatabase())) ?? 0);
    },
  });
  return { refreshed: (isRead) => refreshes.inc({ result: isRead ? 'read' : 'failed' }) };
}
