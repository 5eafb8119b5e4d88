/** What taking keys of partners in is told and given. */
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import type { IntakeRules } from '../../domain/federation/judge-key.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Values } from '../../platform/config/load.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Database } from '../../storage/database.ts';

/** Settings of the intake. */
export interface IntakeSettings {
  readonly rules: IntakeRules;
  /** From one partner on one day (UTC); 0 = any number. */
  readonly maxKeysPerDay: number;
  /** Refused keys of one partner that are kept. */
  readonly maxQuarantine: number;
}

/** What its parts share. */
export interface IntakeDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: IntakeSettings;
  /** Who we are. */
  readonly self: AuthorityId;
}

/** As the environment says. */
export function intakeSettings(values: Values): IntakeSettings {
  return {
    rules: {
      maxIntervalAgeSeconds: values.ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH,
      maxSymptomOnsetDays: values.ENMESH_MAX_SYMPTOM_ONSET_DAYS,
      releaseSameDayKeys: values.ENMESH_RELEASE_SAME_DAY_KEYS,
      truncateSeconds: values.ENMESH_TRUNCATE_WINDOW,
    },
    maxKeysPerDay: values.ENMESH_FEDERATION_MAX_KEYS_PER_DAY,
    maxQuarantine: values.ENMESH_FEDERATION_MAX_QUARANTINE,
  };
}
