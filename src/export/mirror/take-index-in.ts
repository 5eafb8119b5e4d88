/** Reads another authority's index and makes its files be what the mirror lists. */
import { AppError } from '../../domain/errors.ts';
import { listedFiles, type ListedFiles } from '../../domain/import/listed-files.ts';
import { downloadBytes } from '../../platform/download.ts';
import { indexDownload } from '../../platform/download-settings.ts';
import { lockMirrorFiles, writeListing } from '../../storage/mirrors/mirror-files.ts';
import type { LeasedMirror } from '../../storage/mirrors/mirrors.ts';
import { decideListing } from './listing.ts';
import { mirrorLost, type MirrorWork } from './work.ts';
import type { MirrorDeps } from './settings.ts';

/**
 * All of it in one transaction; what cannot be read changes nothing.
 * @throws AppError `download_…`; invalid `mirror_index_unusable` for lines none of which names a file, such as a page of HTML;
 *   conflict `lease_lost`; `unavailable`
 */
export async function takeIndexIn(deps: MirrorDeps, { mirror, holder, signal }: MirrorWork): Promise<void> {
  const { database, clock } = deps;
  const index = await readIndex(deps, mirror, signal);
  await database.transaction(async (client) => {
    const known = await lockMirrorFiles(client, holder);
    if (known === null) throw mirrorLost();
    await writeListing(client, mirror.id, { clock, listing: decideListing(known, index) });
  });
}

async function readIndex({ settings }: MirrorDeps, mirror: LeasedMirror, signal: AbortSignal): Promise<ListedFiles> {
  const options = indexDownload(settings.download, { maxBytes: settings.maxIndexBytes, signal });
  const bytes = await downloadBytes(mirror.indexUrl, options);
  // What is not UTF-8 becomes characters that no name has.
  const index = listedFiles(new TextDecoder('utf-8').decode(bytes));
  if (index.names.length === 0 && index.refusedLines > 0) {
    throw new AppError('invalid', 'mirror_index_unusable', 'no line of the index names a zip below the base URL');
  }
  return index;
}
