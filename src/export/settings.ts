/** What the export role is told and given. */
import type { Clock } from '../platform/clock.ts';
import type { KeyManager } from '../platform/key-manager/key-manager.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { BlobStore } from '../storage/blob/blob-store.ts';
import type { Database } from '../storage/database.ts';

/** Settings of planning and building. */
export interface ExportSettings {
  /** A window is exported so long after its end. */
  readonly minWindowAgeSeconds: number;
  /** A batch with keys is padded to at least so many … */
  readonly minRecords: number;
  /** … and a random number from 0 to this. */
  readonly paddingRange: number;
  /** Most keys in one file, where the export doesn't say. */
  readonly maxRecords: number;
  /** A worker that is not heard of for so long has lost its batch. */
  readonly leaseSeconds: number;
  /** Batches that one run builds at a time. */
  readonly concurrency: number;
  /** Files are listed so long after the start of their window. */
  readonly retentionSeconds: number;
  /** Folder for unfinished files; made when missing. */
  readonly spoolDir: string;
  /** Make keys that are missing in the key manager. */
  readonly createKeys: boolean;
}

/** What the export role's parts share. */
export interface ExportDeps {
  readonly database: Database;
  readonly blobStore: BlobStore;
  readonly keyManager: KeyManager;
  readonly clock: Clock;
  readonly settings: ExportSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
