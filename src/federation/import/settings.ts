/** What importing is told and given. */
import type { ImportRules } from '../../domain/import/judge-key.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Values } from '../../platform/config/load.ts';
import { downloadSettings, type DownloadSettings } from '../../platform/download-settings.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Database } from '../../storage/database.ts';

/** Settings of imports. */
export interface ImportSettings {
  readonly rules: ImportRules;
  /** How often indexes are read. */
  readonly intervalSeconds: number;
  readonly download: DownloadSettings;
  readonly maxIndexBytes: number;
  readonly maxFileBytes: number;
  /** In one file. */
  readonly maxKeys: number;
  /** A worker that is not heard of for so long has lost its file: longer than any download. */
  readonly leaseSeconds: number;
}

/** What its parts share. */
export interface ImportDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: ImportSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Beyond the download, time to verify a file and to store a part of it. */
const leaseMarginSeconds = 120;

/** @throws ConfigurationError for a file of roots that cannot be used */
export async function importSettings(values: Values): Promise<ImportSettings> {
  return {
    rules: {
      backfillReportType: values.ENMESH_IMPORT_BACKFILL_REPORT_TYPE,
      backfillOnsetDays: values.ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET
        ? values.ENMESH_IMPORT_BACKFILL_DAYS_SINCE_ONSET_VALUE
        : null,
      maxIntervalAgeSeconds: values.ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH,
      maxSymptomOnsetDays: values.ENMESH_MAX_SYMPTOM_ONSET_DAYS,
      releaseSameDayKeys: values.ENMESH_RELEASE_SAME_DAY_KEYS,
      truncateSeconds: values.ENMESH_TRUNCATE_WINDOW,
    },
    intervalSeconds: values.ENMESH_IMPORT_INTERVAL,
    download: await downloadSettings(values),
    maxIndexBytes: values.ENMESH_IMPORT_MAX_INDEX_BYTES,
    maxFileBytes: values.ENMESH_IMPORT_MAX_FILE_BYTES,
    maxKeys: values.ENMESH_IMPORT_MAX_KEYS,
    leaseSeconds: values.ENMESH_DOWNLOAD_FILE_TIMEOUT + leaseMarginSeconds,
  };
}
