/** Batches of one export: those that wait, and those of a time. */
import type { Batch } from '../../domain/export/batch.ts';
import { BATCH_COLUMNS, BATCH_TABLES, toBatch, type BatchRow } from './batch-row.ts';
import type { Queryable } from '../database.ts';

/** Batches of an export that have no files yet, oldest first. */
export async function waitingBatches(
  database: Queryable,
  { exportId, limit }: { readonly exportId: number; readonly limit: number },
): Promise<readonly Batch[]> {
  const { rows } = await database.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.export_id = $1 and b.status in ('open', 'pending')
      order by b.window_end, b.window_start desc, b.id limit $2`,
    [exportId, limit],
  );
  return rows.map(toBatch);
}

/** Batches of an export into whose window the time falls. */
export async function batchesOfTime(database: Queryable, exportId: number, time: Date): Promise<readonly Batch[]> {
  const { rows } = await database.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.export_id = $1 and b.window_start <= $2 and b.window_end > $2 order by b.window_end, b.id`,
    [exportId, time],
  );
  return rows.map(toBatch);
}
