/** Verdicts on a key whose file is built, or gone. */
import type { Batch } from '../domain/export/batch.ts';
import type { Queryable } from '../storage/database.ts';
import type { PlannableExport } from '../storage/exports/exports.ts';
import { readIndexState, type PlaceIndex } from '../storage/exports/index-state.ts';
import type { CoveringFile } from '../storage/exports/key-lookup.ts';
import type { Verdict } from './key-verdict.ts';
import { readIndexNames } from './index/read-index.ts';
import type { ExportDeps } from './settings.ts';

/** A listed file is published as soon as the index that phones read has its line. */
export async function judgeListed(
  { client, blobStore, clock }: Pick<ExportDeps, 'blobStore' | 'clock'> & { readonly client: Queryable },
  { id, isHeld }: Pick<PlannableExport, 'id' | 'isHeld'>,
  file: string,
): Promise<Verdict> {
  const waiting = { verdict: 'waiting', file, due: null } as const;
  if (isHeld) return { ...waiting, reason: 'its file is built, and the export is on hold: nobody gets it' };
  const index = await readIndexState(client, id, clock);
  const places = index?.places.filter(({ names }) => names.includes(file)) ?? [];
  if (index === null || places.length === 0) {
    return { ...waiting, reason: 'its file is built, and listed as soon as the older windows of the export are' };
  }
  if (index.written < index.wanted && !(await isIndexed(blobStore, places, file))) {
    return { ...waiting, reason: 'its file is built, and the index is about to list it' };
  }
  return { verdict: 'published', reason: 'its file is listed', file, due: null };
}

/** Reads the index as phones do: what is written down says only that some change of it is still to come. */
async function isIndexed(
  blobStore: ExportDeps['blobStore'],
  places: readonly PlaceIndex[],
  file: string,
): Promise<boolean> {
  for (const place of places) {
    if ((await readIndexNames(blobStore, place)).has(file)) return true;
  }
  return false;
}

/** No file of the batch that the key lies in is listed, and none will be. */
export function judgeGone(file: CoveringFile | undefined, { status }: Pick<Batch, 'status'>): Verdict {
  if (file === undefined) {
    const reason =
      status === 'deleted'
        ? 'its batch was given up: it could not be built before the retention was over; `enmesh export list` shows why'
        : 'its batch was built without it';
    return { verdict: 'excluded', reason, file: null, due: null };
  }
  const since = file.unlistedAt === null ? '' : ` at ${file.unlistedAt.toISOString()}`;
  return { verdict: 'expired', reason: `its file left the index${since}`, file: file.name, due: null };
}
