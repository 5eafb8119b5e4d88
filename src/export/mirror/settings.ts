/** What mirrors are told and given. */
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { Clock } from '../../platform/clock.ts';
import type { Values } from '../../platform/config/load.ts';
import { downloadSettings, type DownloadSettings } from '../../platform/download-settings.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { BlobStore } from '../../storage/blob/blob-store.ts';
import type { Database } from '../../storage/database.ts';

/** Settings of mirrors. */
export interface MirrorSettings {
  readonly download: DownloadSettings;
  readonly maxIndexBytes: number;
  readonly maxFileBytes: number;
  /** A worker that is not heard of for so long has lost its mirror: longer than one file may take. */
  readonly leaseSeconds: number;
  /** Folder for unfinished files; made when missing. */
  readonly spoolDir: string;
}

/** What the parts of mirrors share. */
export interface MirrorDeps {
  readonly database: Database;
  readonly blobStore: BlobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: MirrorSettings;
}

/** @throws ConfigurationError for a file of roots that cannot be used */
export async function mirrorSettings(values: Values): Promise<MirrorSettings> {
  return {
    download: await downloadSettings(values),
    maxIndexBytes: values.ENMESH_MIRROR_MAX_INDEX_BYTES,
    maxFileBytes: values.ENMESH_MIRROR_MAX_FILE_BYTES,
    leaseSeconds: values.ENMESH_EXPORT_LEASE + values.ENMESH_DOWNLOAD_FILE_TIMEOUT,
    spoolDir: join(values.ENMESH_DATA_DIR ?? tmpdir(), 'spool'),
  };
}
