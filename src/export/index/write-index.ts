/** Writes the index that phones poll: after its files are readable, once per change. */
import { indexName } from '../../domain/export/file-name.ts';
import { indexText } from '../../domain/export/index-text.ts';
import { hasWaitingBatches } from '../../storage/exports/batches.ts';
import { unlistExpiredFiles } from '../../storage/exports/files.ts';
import {
  lockIndex,
  markIndexWritten,
  outdatedIndexes,
  readIndexState,
  wantIndex,
} from '../../storage/exports/index-state.ts';
import type { Queryable } from '../../storage/database.ts';
import { indexOptions } from '../put-options.ts';
import { adoptListedFiles } from '../adopt/adopt.ts';
import type { ExportDeps } from '../settings.ts';

type Deps = Pick<ExportDeps, 'database' | 'blobStore' | 'keyManager' | 'clock' | 'settings' | 'logger'>;

/**
 * Writes the export's index if it is not what it should be. One writer at a time, over all replicas; whoever waited
 * finds nothing left to do, unless files were listed meanwhile. No line is lost that the database does not know.
 *
 * @returns whether it was written
 * @throws AppError of the database or the blob store; the index stays wanted then
 */
export async function writeIndex(deps: Deps, exportId: number): Promise<boolean> {
  const { database } = deps;
  await adoptListedFiles(deps, exportId);
  try {
    return await database.transaction(async (client) => await writeLocked(deps, client, exportId));
  } catch (error) {
    // The lock may have been lost while the store took its time: what it wrote late may be older than what is there.
    await wantIndex(database, exportId).catch(() => undefined);
    throw error;
  }
}

async function writeLocked({ blobStore, clock }: Deps, client: Queryable, exportId: number): Promise<boolean> {
  await lockIndex(client, exportId);
  const state = await readIndexState(client, exportId, clock);
  if (state === null || state.written >= state.wanted) return false;
  for (const { bucket, filenameRoot, names } of state.places) {
    const content = Buffer.from(indexText(names), 'latin1');
    await blobStore.put({ bucket, name: indexName(filenameRoot) }, content, indexOptions);
  }
  await markIndexWritten(client, exportId, state.wanted);
  return true;
}

/**
 * Writes the index unless further batches of the export are about to end: whoever ends the last one writes it for all of
 * them. A worker that is killed before it could is made up for by the next look for work.
 *
 * @returns whether it was written
 * @throws AppError of the database or the blob store; the index stays wanted then
 */
export async function writeIndexAfterLast(deps: Deps, exportId: number): Promise<boolean> {
  if (await hasWaitingBatches(deps.database, exportId, deps.clock)) return false;
  return await writeIndex(deps, exportId);
}

/** Takes files that are too old out and writes every index that is not what it should be. One that fails stops no other. */
export async function writeOutdatedIndexes(deps: ExportDeps): Promise<void> {
  const { database, clock, settings, logger } = deps;
  await unlistExpiredFiles(database, { clock, retentionSeconds: settings.retentionSeconds });
  for (const exportId of await outdatedIndexes(database)) {
    await writeIndex(deps, exportId).catch((error: unknown) => logger.error({ err: error }, 'index not written'));
  }
}
