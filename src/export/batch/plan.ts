/** Plans batches: one row for each ended window of each export. */
import { dueWindows, publishableThrough } from '../../domain/export/windows.ts';
import { insertBatches } from '../../storage/batches.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { lockPlanning, plannableExports } from '../../storage/exports.ts';
import { closeWindows, readWindowState } from '../../storage/windows.ts';
import type { ExportDeps } from '../settings.ts';

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
    const through = publishableThrough(await databaseTime(client, clock), closedThrough, ages);
    const oldest = new Date(through.getTime() - settings.retentionSeconds * 1000);
    let planned = 0;
    for (const each of await plannableExports(client, settings.maxRecords)) {
      const windows = dueWindows({ ...each, closedThrough: through, oldest, limit: WINDOWS_PER_RUN });
      planned += await insertBatches(client, each, windows);
    }
    return planned;
  });
}
