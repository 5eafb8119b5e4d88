/** What exchanging with partners is told and given. */
import type { Clock } from '../../platform/clock.ts';
import type { Values } from '../../platform/config/load.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Database } from '../../storage/database.ts';
import type { PartnerChannelDeps } from '../auth/partner-channel.ts';
import type { IntakeDeps } from '../intake/settings.ts';

/** Settings of exchanges. */
export interface ExchangeSettings {
  /** How often a partner is pulled from. */
  readonly intervalSeconds: number;
  /** Exchanges of one process at a time. */
  readonly concurrency: number;
  /** A process that is not heard of for so long has lost its exchange; pauses and changes are seen within a third of it. */
  readonly leaseSeconds: number;
  /** A run ends at the next step after so long, and the next one goes on: others get their turn. */
  readonly runSeconds: number;
  /** The same after so long for one that brings new keys, when another exchange waits for its place. */
  readonly turnSeconds: number;
  /** A partner that says nothing for so long is given up for this run. */
  readonly idleSeconds: number;
  /** The same for the first answer of one that has failed again and again. */
  readonly probeSeconds: number;
}

/** What exchanges share. */
export interface ExchangeDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: ExchangeSettings;
  readonly channel: PartnerChannelDeps;
  readonly intake: IntakeDeps;
  /** From 0 to below 1. */
  random(): number;
}

/** Settings from the environment. */
export function exchangeSettings(values: Values): ExchangeSettings {
  return {
    intervalSeconds: values.ENMESH_FEDERATION_INTERVAL,
    concurrency: values.ENMESH_FEDERATION_CONCURRENCY,
    leaseSeconds: 30,
    runSeconds: 600,
    turnSeconds: 30,
    idleSeconds: 60,
    probeSeconds: 10,
  };
}
