/** Plans batches: one row for each ended window of each export. */
import { dueWindows, publishableThrough, type ExportWindow } from '../../domain/export/windows.ts';
import { addSeconds } from '../../domain/windows.ts';
import { insertBatches } from '../../storage/exports/batches.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Queryable } from '../../storage/database.ts';
import { lockPlanning, plannableExports, type PlannableExport } from '../../storage/exports/exports.ts';
import { closeWindows, readWindowState } from '../../storage/windows.ts';
import type { ExportDeps } from '../settings.ts';
import { planShifted, type ShiftRule } from './plan-shifted.ts';

/** Windows of one export in one run; the rest follows with the next. */
const WINDOWS_PER_RUN = 500;

/**
 * Closes ended windows, then plans what may be published. One planner at a time over all replicas; planning twice plans
 * nothing new. Exports on hold plan nothing, and catch up when they are released.
 *
 * @returns how many batches are new
 */
export async function planBatches({
  database,
  clock,
  settings,
}: Pick<ExportDeps, 'database' | 'clock' | 'settings'>): Promise<number> {
  await closeWindows(database, clock);
  return await database.transaction(async (client) => {
    await lockPlanning(client);
    const { closedThrough, truncateSeconds } = await readWindowState(client);
    const ages = { minWindowAgeSeconds: settings.minWindowAgeSeconds, truncateSeconds };
    const now = await databaseTime(client, clock);
    const through = publishableThrough(now, closedThrough, ages);
    const oldest = addSeconds(through, -settings.retentionSeconds);
    const rule = { minRecords: settings.minRecords, agedTo: addSeconds(now, -settings.minWindowAgeSeconds) };
    let planned = 0;
    for (const each of await plannableExports(client, settings.maxRecords)) {
      const windows = dueWindows({ ...each, closedThrough: through, oldest, limit: WINDOWS_PER_RUN });
      planned += await planWindows(client, each, { windows, rule });
    }
    return planned;
  });
}

/** An export that no longer shifts still has to let go of what it held back. */
async function planWindows(
  client: Queryable,
  planned: PlannableExport,
  work: { readonly windows: readonly ExportWindow[]; readonly rule: ShiftRule },
): Promise<number> {
  if (planned.shiftSeconds === null && !planned.hasShifted) return await insertBatches(client, planned, work.windows);
  return await planShifted(client, planned, work);
}
