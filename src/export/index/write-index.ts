/** Writes the index that phones poll: after its files are readable, once per change. */
import { indexName } from '../../domain/export/file-name.ts';
import { indexText } from '../../domain/export/index-text.ts';
import { unlistExpiredFiles } from '../../storage/files.ts';
import { lockIndex, markIndexWritten, outdatedIndexes, readIndexState } from '../../storage/index-state.ts';
import type { ExportDeps } from '../settings.ts';

type Deps = Pick<ExportDeps, 'database' | 'blobStore' | 'clock'>;

/** Never cached, or phones would miss files (reference 3.5). */
const PUT_OPTIONS = { contentType: 'text/plain', cacheControl: 'no-cache, max-age=0', onlyIfAbsent: false } as const;

/**
 * Writes the export's index if it is not what it should be. One writer at a time, over all replicas; whoever waited
 * finds nothing left to do, unless files were listed meanwhile.
 *
 * @returns whether it was written
 * @throws AppError of the database or the blob store; the index stays wanted then
 */
export async function writeIndex({ database, blobStore, clock }: Deps, exportId: number): Promise<boolean> {
  return await database.transaction(async (client) => {
    await lockIndex(client, exportId);
    const state = await readIndexState(client, exportId, clock);
    if (state === null || state.written >= state.wanted) return false;
    const content = Buffer.from(indexText(state.names), 'latin1');
    await blobStore.put({ bucket: state.bucket, name: indexName(state.filenameRoot) }, content, PUT_OPTIONS);
    await markIndexWritten(client, exportId, state.wanted);
    return true;
  });
}

/** Takes files that are too old out and writes every index that is not what it should be. One that fails stops no other. */
export async function writeOutdatedIndexes(deps: ExportDeps): Promise<void> {
  const { database, clock, settings, logger } = deps;
  await unlistExpiredFiles(database, { clock, retentionSeconds: settings.retentionSeconds });
  for (const exportId of await outdatedIndexes(database)) {
    await writeIndex(deps, exportId).catch((error: unknown) => logger.error({ err: error }, 'index not written'));
  }
}
