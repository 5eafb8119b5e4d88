/** A batch as a row. */
import type { Batch, BatchStatus } from '../../domain/export/batch.ts';

/** Columns of {@link BatchRow}, of {@link BATCH_TABLES}. */
export const BATCH_COLUMNS = `b.id, b.export_id, e.name as export_name, b.window_start, b.window_end, b.status, b.attempts,
  b.last_error, b.not_before, b.lease_expires, b.revision, b.shifted_until, b.prepared_at, b.bucket, b.filename_root, b.output_region, b.input_regions, b.exclude_regions,
  b.include_travelers, b.only_non_travelers, b.max_records, b.padding_decision, b.keys, b.revised_keys`;

/** Where they come from. */
export const BATCH_TABLES = 'batches b join exports e on e.id = b.export_id';

/** What a query of these columns gives. */
export interface BatchRow {
  id: string;
  export_id: number;
  export_name: string;
  window_start: Date;
  window_end: Date;
  status: BatchStatus;
  attempts: number;
  last_error: string | null;
  not_before: Date | null;
  lease_expires: Date | null;
  revision: number;
  shifted_until: Date | null;
  prepared_at: Date | null;
  bucket: string;
  filename_root: string;
  output_region: string;
  input_regions: string[];
  exclude_regions: string[];
  include_travelers: boolean;
  only_non_travelers: boolean;
  max_records: number;
  padding_decision: string | null;
  keys: number | null;
  revised_keys: number | null;
}

/** The row as a domain type. */
export function toBatch(row: BatchRow): Batch {
  return {
    id: row.id,
    exportId: row.export_id,
    exportName: row.export_name,
    windowStart: row.window_start,
    windowEnd: row.window_end,
    status: row.status,
    attempts: row.attempts,
    lastError: row.last_error,
    notBefore: row.not_before,
    leaseExpires: row.lease_expires,
    revision: row.revision,
    shiftedUntil: row.shifted_until,
    isPrepared: row.prepared_at !== null,
    bucket: row.bucket,
    filenameRoot: row.filename_root,
    outputRegion: row.output_region,
    inputRegions: row.input_regions,
    excludeRegions: row.exclude_regions,
    includeTravelers: row.include_travelers,
    onlyNonTravelers: row.only_non_travelers,
    maxRecords: row.max_records,
    paddingDecision: row.padding_decision,
    counts: row.keys === null || row.revised_keys === null ? null : { keys: row.keys, revisedKeys: row.revised_keys },
  };
}
