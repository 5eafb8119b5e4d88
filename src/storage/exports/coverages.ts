/** Which files a key may be in: what padding has to reckon with. */
import type { Coverage, KeyFilters } from '../../domain/export/atoms.ts';
import type { Batch } from '../../domain/export/batch.ts';
import { BATCH_COLUMNS, BATCH_TABLES, toBatch, type BatchRow } from './batch-row.ts';
import type { Queryable } from '../database.ts';
import { configuredExports } from './exports.ts';

/**
 * Files that have keys in common with these batches, whose windows end together, or may have: their own, those of batches
 * that are decided, and those to come of every export that has not ended. None when the batch is alone.
 */
export async function coveragesOf(client: Queryable, batches: readonly Batch[]): Promise<readonly Coverage[]> {
  const windowEnd = batches[0]!.windowEnd;
  const decided = await decidedBatches(client, batches);
  const others = await runningExports(client, windowEnd);
  const isAlone = batches.length === 1 && decided.length === 0 && others.every(({ id }) => id === batches[0]!.exportId);
  if (isAlone) return [];
  return [
    ...batches.map((batch) => windowCoverage(batch, false)),
    ...decided.map((batch) => windowCoverage(batch, true)),
    ...others.map((filters) => ({ filters, window: null, isDecided: false })),
  ];
}

function windowCoverage(batch: Batch, isDecided: boolean): Coverage {
  return { filters: batch, window: { start: batch.windowStart, end: batch.windowEnd }, isDecided };
}

/** Batches with keys whose windows meet the longest of these, which are the undecided ones. */
async function decidedBatches(client: Queryable, batches: readonly Batch[]): Promise<readonly Batch[]> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.padding_decision is not null and b.keys + b.revised_keys > 0
        and b.window_end > $1 and b.window_start < $2 and b.id <> all($3::bigint[])`,
    [batches.at(-1)!.windowStart, batches[0]!.windowEnd, batches.map(({ id }) => id)],
  );
  return rows.map(toBatch);
}

async function runningExports(
  client: Queryable,
  after: Date,
): Promise<readonly (KeyFilters & { readonly id: number })[]> {
  // How large their files may become is of no concern here.
  return (await configuredExports(client, 0)).filter(({ thru }) => thru === null || thru > after);
}
