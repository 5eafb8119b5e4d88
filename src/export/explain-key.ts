/** Why a key is in a file of an export, will be, or is not: from what is recorded, by the selection that builds files. */
import type { Batch, KeySelection } from '../domain/export/batch.ts';
import { AppError } from '../domain/errors.ts';
import { batchOutlook, upcomingWindowOf, windowOutlook } from '../domain/export/outlook.ts';
import type { ExportWindow } from '../domain/export/windows.ts';
import { KEY_LENGTH } from '../domain/export-file/format.ts';
import { batchesOfTime } from '../storage/exports/batches-of-export.ts';
import type { Queryable } from '../storage/database.ts';
import { configuredExports, type PlannableExport } from '../storage/exports/exports.ts';
import {
  failedFilters,
  filesCoveringKey,
  findKey,
  holdsKey,
  readOneMoment,
  type KeyAppearance,
  type StoredKey,
} from '../storage/exports/key-lookup.ts';
import { judgeGone, judgeListed } from './file-verdict.ts';
import {
  excludedBy,
  outsideOfLife,
  waitingForBatch,
  waitingForWindow,
  type KeyPlacement,
  type Verdict,
} from './key-verdict.ts';
import { readTerms, scheduleOf, selectionOf, type PlanTerms } from './plan-ahead.ts';
import type { ExportDeps } from './settings.ts';

type Deps = Pick<ExportDeps, 'database' | 'blobStore' | 'clock' | 'settings'>;

/** What is known of a key. */
export interface KeyExplanation extends Pick<StoredKey, 'isGenerated' | 'createdAt' | 'revisedAt' | 'withdrawnAt'> {
  /** One for each list that it stands in, by export. */
  readonly placements: readonly KeyPlacement[];
}

/** Which key, and of which export; all when it names none. */
export interface KeyQuestion {
  readonly key: Buffer;
  readonly exportName?: string;
}

/**
 * Everything as of one moment; null when nothing is known of the key: never accepted, withdrawn before it was published, or
 * deleted for its age.
 * @throws AppError `invalid`/`bad_key` for other than 16 bytes; those of the database
 */
export async function explainKey(deps: Deps, { key, exportName }: KeyQuestion): Promise<KeyExplanation | null> {
  if (key.length !== KEY_LENGTH) throw new AppError('invalid', 'bad_key', 'a key has 16 bytes');
  return await deps.database.transaction(async (client) => {
    await readOneMoment(client);
    const stored = await findKey(client, key);
    if (stored === null) return null;
    const terms = await readTerms(client, deps);
    const placements: KeyPlacement[] = [];
    for (const each of await configuredExports(client, deps.settings.maxRecords)) {
      if (exportName !== undefined && exportName !== each.name) continue;
      for (const appearance of stored.appearances) {
        const subject = { ...appearance, key, isGenerated: stored.isGenerated };
        placements.push(...(await placeKey({ client, deps, terms, planned: each }, subject)));
      }
    }
    return { ...stored, placements: eachOnce(placements) };
  });
}

/** A batch that a key was both revised and withdrawn in has it once. */
function eachOnce(placements: readonly KeyPlacement[]): readonly KeyPlacement[] {
  return placements.filter(({ window }, index) => {
    const first = placements.findIndex((other) => isSamePlace(other, placements[index]!));
    return window === null || first === index;
  });
}

function isSamePlace(a: KeyPlacement, b: KeyPlacement): boolean {
  const isSameList = a.exportName === b.exportName && a.isRevised === b.isRevised;
  return isSameList && a.window?.start.getTime() === b.window?.start.getTime();
}

interface Scene {
  readonly client: Queryable;
  readonly deps: Deps;
  readonly terms: PlanTerms;
  readonly planned: PlannableExport;
}

interface Subject extends KeyAppearance {
  readonly key: Buffer;
  readonly isGenerated: boolean;
}

async function placeKey(scene: Scene, subject: Subject): Promise<KeyPlacement[]> {
  const place = { exportName: scene.planned.name, isRevised: subject.list === 'revisedKeys' };
  const batches = await batchesOfTime(scene.client, scene.planned.id, subject.at);
  if (batches.length === 0) return [{ ...place, ...(await judgeUnplanned(scene, subject)) }];
  const placements: KeyPlacement[] = [];
  for (const batch of batches) {
    const window = { start: batch.windowStart, end: batch.windowEnd };
    placements.push({ ...place, window, ...(await judgeBatch(scene, subject, batch)) });
  }
  return placements;
}

/** No batch has the key's time: the window is still to come, or never will. */
async function judgeUnplanned(
  { client, planned, terms }: Scene,
  subject: Subject,
): Promise<Verdict & { readonly window: ExportWindow | null }> {
  const of = upcomingWindowOf(subject.at, scheduleOf(planned, terms));
  if (of.kind !== 'window') return { ...outsideOfLife(planned, of, subject.at), window: null };
  const { window } = of;
  const excluded = await judgeFilters(client, selectionOf(planned, window), subject);
  if (excluded) return { ...excluded, window };
  const held = { ...terms, isHeld: planned.isHeld };
  return { ...waitingForWindow(windowOutlook(window, held), { window, at: subject.at, now: terms.now }), window };
}

/** Null when no filter keeps it out. */
async function judgeFilters(client: Queryable, selection: KeySelection, subject: Subject): Promise<Verdict | null> {
  const [filter] = await failedFilters(client, selection, subject);
  return filter === undefined ? null : excludedBy(filter, selection);
}

async function judgeBatch({ client, deps, terms, planned }: Scene, subject: Subject, batch: Batch): Promise<Verdict> {
  const files = await filesCoveringKey(client, batch.id, subject);
  const isHeld = await holdsKey(client, batch, subject);
  const [file] = files;
  if (!isHeld) return (await judgeFilters(client, batch, subject)) ?? notInBatch(batch, subject);
  if (file?.status === 'listed') return await judgeListed({ client, ...deps }, planned, file.name);
  if (batch.status === 'open' || batch.status === 'pending') {
    const isDecided = file?.status === 'planned' || file?.status === 'uploaded';
    return waitingForBatch(batchOutlook(batch, { ...terms, isHeld: planned.isHeld }), isDecided ? file.name : null);
  }
  return judgeGone(file, batch);
}

/** Padding joins the batches that are decided with it and after it; a batch without decision has none yet. */
function notInBatch(batch: Batch, { isGenerated }: Subject): Verdict {
  const reason = !isGenerated
    ? 'the batch does not hold it'
    : batch.paddingDecision === null
      ? 'the padding of its window is not decided yet'
      : 'it was made after the padding of this window was decided';
  return {
    verdict: isGenerated && batch.paddingDecision === null ? 'waiting' : 'excluded',
    reason,
    file: null,
    due: null,
  };
}
