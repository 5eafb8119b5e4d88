/** What the exchange with partners tells Prometheus: gauges by partner, of whom there are few, the same on every replica. */
import type { GaugeMetric, Labels, Metrics } from '../../platform/metrics.ts';
import { sharedResult } from '../../platform/shared-result.ts';
import { readKnownPartners } from '../../storage/partners/partners.ts';
import { statusOf, type ExchangeStatus, type PartnerStatus, type StatusDeps } from './status.ts';

/** One gauge of {@link watchPartners}. */
interface PartnerGauge {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly set: (gauge: GaugeMetric, status: PartnerStatus) => void;
}

const gauges: readonly PartnerGauge[] = [
  exchangeGauge({
    name: 'enmesh_federation_lag_seconds',
    help: 'How far an exchange is behind: a pull behind now, a push behind the last closed window; none before its first run.',
    value: ({ lagSeconds }) => lagSeconds,
  }),
  exchangeGauge({
    name: 'enmesh_federation_lag_keys',
    help: 'Keys that wait: as the partner says of a pull; of a push about so many when there are more than 100,000.',
    value: ({ lagKeys }) => lagKeys,
  }),
  exchangeGauge({
    name: 'enmesh_federation_failures',
    help: 'Runs of an exchange that failed one after another; its breaker is open from 5 on.',
    value: ({ failures }) => failures,
  }),
  {
    name: 'enmesh_federation_quarantined_keys',
    help: 'Keys of a partner in quarantine.',
    labelNames: ['partner'],
    set: (gauge, { partner, quarantine }) => {
      const keys = quarantine.reduce((sum, reason) => sum + reason.keys, 0);
      gauge.set({ partner: partner.name }, keys);
    },
  },
  {
    name: 'enmesh_federation_paused',
    help: '1 for a partner that is paused, else 0.',
    labelNames: ['partner'],
    set: (gauge, { partner }) => {
      gauge.set({ partner: partner.name }, partner.pausedAt === null ? 0 : 1);
    },
  },
];

function exchangeGauge(gauge: {
  readonly name: string;
  readonly help: string;
  readonly value: (status: ExchangeStatus) => number | null;
}): PartnerGauge {
  return {
    name: gauge.name,
    help: gauge.help,
    labelNames: ['partner', 'direction'],
    set: (metric, { partner, pull, push }) => {
      for (const status of [pull, push]) {
        const value = status === null ? null : gauge.value(status);
        if (status === null || value === null) continue;
        const labels: Labels = { partner: partner.name, direction: status.direction };
        metric.set(labels, value);
      }
    },
  };
}

/** All gauges of one answer are asked for at about the same time. */
const sameAnswerMs = 1_000;

/** Declares the gauges. */
export function watchPartners(deps: StatusDeps & { readonly metrics: Metrics }): void {
  const look = sharedResult(sameAnswerMs, async () => {
    return await statusOf(deps, await readKnownPartners(deps.database), { counts: 'waiting' });
  });
  for (const { name, help, labelNames, set } of gauges) {
    deps.metrics.gauge({
      name,
      help,
      labelNames,
      collect: async (gauge) => {
        const statuses = await look();
        gauge.reset();
        for (const status of statuses) set(gauge, status);
      },
    });
  }
}
