/** Settings of importers in tests. */
import type { ImportSettings } from '../../../src/federation/import/settings.ts';

/** What importers of tests are told. */
export const importerSettings: ImportSettings = {
  rules: {
    backfillReportType: 'confirmed',
    backfillOnsetDays: 10,
    maxIntervalAgeSeconds: 15 * 86_400,
    maxSymptomOnsetDays: 14,
    releaseSameDayKeys: false,
    truncateSeconds: 3600,
  },
  intervalSeconds: 900,
  download: {
    places: { ca: undefined, allowPrivateAddresses: false, allowLoopback: true },
    indexTimeoutMs: 5_000,
    fileTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
  },
  maxIndexBytes: 1024 * 1024,
  maxFileBytes: 1024 * 1024,
  maxKeys: 100_000,
  leaseSeconds: 60,
};
