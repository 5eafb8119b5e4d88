/** Batches that are held back because they have few keys: at most one of an export, always its newest. */
import type { Batch } from '../../domain/export/batch.ts';
import type { ExportWindow } from '../../domain/export/windows.ts';
import { BATCH_COLUMNS, BATCH_TABLES, toBatch, type BatchRow } from './batch-row.ts';
import type { Queryable } from '../database.ts';
import type { PlannableExport } from './exports.ts';

/** The export's batch that is held back; null when there is none. */
export async function findShiftedBatch(client: Queryable, exportId: number): Promise<Batch | null> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.export_id = $1 and b.status = 'open' and b.shifted_until is not null
      order by b.window_end desc limit 1`,
    [exportId],
  );
  return rows[0] ? toBatch(rows[0]) : null;
}

/** Holds the batch of this window back until windows of this end are due. Null when a worker was faster. */
export async function shiftBatch(
  client: Queryable,
  exportId: number,
  { window, until }: { readonly window: ExportWindow; readonly until: Date },
): Promise<Batch | null> {
  const { rows } = await client.query<BatchRow>(
    `update batches b set shifted_until = $4
       from exports e
      where e.id = b.export_id and b.export_id = $1 and b.window_start = $2 and b.window_end = $3
        and b.status = 'open' and b.padding_decision is null and b.prepared_at is null
     returning ${BATCH_COLUMNS}`,
    [exportId, window.start, window.end, until],
  );
  return rows[0] ? toBatch(rows[0]) : null;
}

/**
 * Lets the batch that is held back hold the window after it too. Null, and nothing happens, when its configuration is not
 * the export's any more: that window has to be a batch of its own.
 */
export async function extendShiftedBatch(
  client: Queryable,
  { id }: Batch,
  { window, planned }: { readonly window: ExportWindow; readonly planned: PlannableExport },
): Promise<Batch | null> {
  const { rows } = await client.query<BatchRow>(
    `update batches b set window_end = $3
       from exports e
      where b.id = $1 and e.id = b.export_id and b.window_end = $2 and b.status = 'open' and b.shifted_until is not null
        and b.bucket = $4 and b.filename_root = $5 and b.output_region = $6 and b.input_regions = $7
        and b.exclude_regions = $8 and b.include_travelers = $9 and b.only_non_travelers = $10 and b.max_records = $11
     returning ${BATCH_COLUMNS}`,
    [
      id,
      window.start,
      window.end,
      planned.bucket,
      planned.filenameRoot,
      planned.outputRegion,
      planned.inputRegions,
      planned.excludeRegions,
      planned.includeTravelers,
      planned.onlyNonTravelers,
      planned.maxRecords,
    ],
  );
  return rows[0] ? toBatch(rows[0]) : null;
}

/** Lets workers have the batch. */
export async function releaseShiftedBatch(client: Queryable, { id }: Batch): Promise<void> {
  await client.query('update batches set shifted_until = null where id = $1', [id]);
}
