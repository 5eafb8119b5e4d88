/** Plans an export that holds small batches back: their keys go out with those of the next windows, or padded when time is up. */
import type { Batch } from '../../domain/export/batch.ts';
import type { ExportWindow } from '../../domain/export/windows.ts';
import { addSeconds } from '../../domain/windows.ts';
import { insertBatches } from '../../storage/exports/batches.ts';
import type { Queryable } from '../../storage/database.ts';
import type { PlannableExport } from '../../storage/exports/exports.ts';
import { countKeys } from '../../storage/exports/key-stream.ts';
import {
  extendShiftedBatch,
  findShiftedBatch,
  releaseShiftedBatch,
  shiftBatch,
} from '../../storage/exports/shifted-batches.ts';

/** What holding back depends on. */
export interface ShiftRule {
  /** A batch of fewer keys is small. */
  readonly minRecords: number;
  /** Windows that ended by now are old enough to be exported. */
  readonly agedTo: Date;
}

/**
 * Plans the export's due windows. A window of few keys is held back, for `shiftSeconds` after its end, and takes in each
 * window that becomes due meanwhile; it is free for workers as soon as it has enough keys, or its time is up. A window
 * without keys waits for nobody: it makes no file.
 *
 * @returns how many batches are new
 */
export async function planShifted(
  client: Queryable,
  planned: PlannableExport,
  { windows, rule }: { readonly windows: readonly ExportWindow[]; readonly rule: ShiftRule },
): Promise<number> {
  const { shiftSeconds } = planned;
  let count = 0;
  let held = await findShiftedBatch(client, planned.id);
  for (const window of windows) {
    const extended = held && (await extend(client, held, { window, planned }));
    if (held && !extended) await releaseShiftedBatch(client, held);
    if (extended) {
      held = extended;
    } else {
      count += await insertBatches(client, planned, [window]);
      held = await shiftBatch(client, planned.id, { window, until: addSeconds(window.end, shiftSeconds ?? 0) });
    }
    if (held && !(await isSmall(client, held, rule))) {
      await releaseShiftedBatch(client, held);
      held = null;
    }
  }
  if (held && (shiftSeconds === null || isTimeUp(held, rule))) await releaseShiftedBatch(client, held);
  return count;
}

/** The batch with the window in it; null when that is not its next one, or ends too late. */
async function extend(
  client: Queryable,
  held: Batch,
  { window, planned }: { readonly window: ExportWindow; readonly planned: PlannableExport },
): Promise<Batch | null> {
  if (planned.shiftSeconds === null || held.shiftedUntil === null || window.end > held.shiftedUntil) return null;
  return await extendShiftedBatch(client, held, { window, planned });
}

/** Keys of closed windows never change, so this is asked once for each window. */
async function isSmall(client: Queryable, batch: Batch, { minRecords }: ShiftRule): Promise<boolean> {
  const { keys, revisedKeys } = await countKeys(client, batch, 'real');
  return keys + revisedKeys > 0 && keys + revisedKeys < minRecords;
}

function isTimeUp({ shiftedUntil }: Batch, { agedTo }: ShiftRule): boolean {
  return shiftedUntil !== null && shiftedUntil <= agedTo;
}
