/** What an installation may set about statistics. */
import type { ReleaseSettings } from '../../domain/statistics/released-days.ts';

/** Settings of the statistics service. */
export interface StatsSettings extends ReleaseSettings {
  /** What tokens must name as their `aud`. */
  readonly audience: string;
  /** A day with fewer publishes is never shown. */
  readonly uploadMinimum: number;
  /** Tolerance for the clocks of health authorities. */
  readonly leewaySeconds: number;
  /** At most 30. */
  readonly authorityCacheSeconds: number;
}
