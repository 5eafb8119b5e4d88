/** An installation with rows of chosen ages, for clean-up. */
import { AppError } from '../../src/domain/errors.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import type { CleanupDeps } from '../../src/server/operations/cleanup.ts';
import type { BlobContent, BlobName, BlobStore, PutOptions } from '../../src/storage/blob/blob-store.ts';
import type { Database } from '../../src/storage/database.ts';

/** The present of these tests. */
export const now = new Date('2026-03-20T10:00:00Z');
export const retentionSeconds = 14 * 86_400;
export const maxIntervalAgeSeconds = 15 * 86_400;
/** Of the export that is inserted. */
export const graceSeconds = 86_400;

/** So long before the present. */
export function ago(seconds: number): Date {
  return new Date(now.getTime() - seconds * 1000);
}

/** A store that fails for chosen names, around a real one. */
export class FaultyBlobStore implements BlobStore {
  readonly failing = new Set<string>();
  readonly #inner: BlobStore;

  constructor(inner: BlobStore) {
    this.#inner = inner;
  }

  async delete(blob: BlobName): Promise<void> {
    if (this.failing.has(blob.name)) throw new AppError('unavailable', 'blob_store_unavailable', 'no answer');
    await this.#inner.delete(blob);
  }

  put(blob: BlobName, content: BlobContent, options: PutOptions): Promise<'written' | 'exists'> {
    return this.#inner.put(blob, content, options);
  }

  stat(blob: BlobName): ReturnType<BlobStore['stat']> {
    return this.#inner.stat(blob);
  }

  read(...args: Parameters<BlobStore['read']>): ReturnType<BlobStore['read']> {
    return this.#inner.read(...args);
  }

  list(bucket: string, prefix: string): AsyncIterable<string> {
    return this.#inner.list(bucket, prefix);
  }
}

/** What clean-up is given. */
export function cleanupDeps(database: Database, blobStore: BlobStore): CleanupDeps & { clock: ManualClock } {
  return {
    database,
    blobStore,
    clock: new ManualClock(now),
    settings: { retentionSeconds, maxIntervalAgeSeconds },
    logger: createLogger({ level: 'silent', pretty: false }),
  };
}

/** Inserts an exposure; `key` is a byte that fills it. */
export async function insertExposure(
  database: Database,
  key: number,
  createdAt: Date,
  revisedAt?: Date,
): Promise<void> {
  await database.query(
    `insert into exposures (key, created_at, revised_at, interval_start, interval_count, transmission_risk,
                            report_type, traveler, regions)
     values ($1, $2, $3, 2900000, 144, 2, 1, false, '{AA}')`,
    [Buffer.alloc(16, key), createdAt, revisedAt ?? null],
  );
}

/** Inserts the export `aa`, whose index is up to date. */
export async function insertExport(database: Database): Promise<void> {
  await database.query(
    `insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions,
                          include_travelers, only_non_travelers, period_seconds, grace_seconds, index_wanted,
                          index_written)
     values ('aa', 'exports', 'aa', 'AA', '{}', '{}', true, false, 14400, $1, 1, 1)`,
    [graceSeconds],
  );
}

/** What differs from a batch that is complete. */
export interface BatchOptions {
  readonly status?: string;
  readonly leaseExpires?: Date;
}

/** Inserts a batch of four hours and returns its id. */
export async function insertBatch(database: Database, windowEnd: Date, options: BatchOptions = {}): Promise<string> {
  const { rows } = await database.query<{ id: string }>(
    `insert into batches (export_id, window_start, window_end, status, lease_expires, bucket, filename_root,
                          output_region, input_regions, exclude_regions, include_travelers, only_non_travelers,
                          max_records)
     select id, $1::timestamptz - interval '4 hours', $1, $2, $3, bucket, filename_root, output_region, input_regions,
            exclude_regions, include_travelers, only_non_travelers, 1000
       from exports where name = 'aa' returning id`,
    [windowEnd, options.status ?? 'complete', options.leaseExpires ?? null],
  );
  return rows[0]?.id ?? '';
}

/** Inserts a file of a batch. */
export async function insertFile(
  database: Database,
  batchId: string,
  file: { readonly name: string; readonly status: string; readonly unlistedAt?: Date },
): Promise<void> {
  await database.query(
    `insert into files (batch_id, export_id, number, bucket, name, status, start_timestamp, end_timestamp,
                        has_keys, has_revised_keys, signers, unlisted_at)
     select id, export_id, 1, bucket, $2, $3, window_start, window_end, true, false, '[]', $4
       from batches where id = $1`,
    [batchId, file.name, file.status, file.unlistedAt ?? null],
  );
}

/** Name → status of every file. */
export async function fileStatuses(database: Database): Promise<Record<string, string>> {
  const { rows } = await database.query<{ name: string; status: string }>('select name, status from files');
  return Object.fromEntries(rows.map(({ name, status }) => [name, status]));
}
