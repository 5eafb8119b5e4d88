/** Writes a mirror's own index: after its files are readable, once per change, in the other authority's order. */
import { indexName } from '../../domain/export/file-name.ts';
import { lockMirrorIndex, markMirrorIndexWritten, readMirrorIndexState } from '../../storage/mirrors/mirror-index.ts';
import { forgetLeftover } from '../../storage/mirrors/mirror-leftovers.ts';
import { indexOptions } from '../put-options.ts';
import type { MirrorDeps } from './settings.ts';

/**
 * Writes it if it is not what it should be; one writer at a time, over all replicas.
 * @throws AppError of the database or the blob store; the index stays wanted then
 */
export async function writeMirrorIndex(
  { database, blobStore, clock }: Pick<MirrorDeps, 'database' | 'blobStore' | 'clock'>,
  mirrorId: number,
): Promise<void> {
  await database.transaction(async (client) => {
    await lockMirrorIndex(client, mirrorId);
    const state = await readMirrorIndexState(client, mirrorId);
    if (state === null || state.written >= state.wanted) return;
    const { bucket, filenameRoot, names, wanted } = state;
    const blob = { bucket, name: indexName(filenameRoot) };
    await forgetLeftover(client, blob);
    const lines = names.map((name) => `${filenameRoot}/${name}`);
    await blobStore.put(blob, Buffer.from(lines.join('\n'), 'latin1'), indexOptions);
    await markMirrorIndexWritten(client, mirrorId, { written: wanted, clock });
  });
}
