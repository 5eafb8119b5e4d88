/** What will be in which file, and when: batches that wait, then the windows that follow. Nothing is changed. */
import {
  batchOutlook,
  upcomingWindows,
  windowOutlook,
  type Outlook,
  type OutlookTerms,
} from '../domain/export/outlook.ts';
import type { Batch, KeyCounts, KeySelection } from '../domain/export/batch.ts';
import { fileName } from '../domain/export/file-name.ts';
import { splitBatch } from '../domain/export/split.ts';
import { publishableThrough, type ExportWindow, type WindowSchedule } from '../domain/export/windows.ts';
import { windowStart } from '../domain/windows.ts';
import { waitingBatches } from '../storage/exports/batches-of-export.ts';
import { databaseTime } from '../storage/database-time.ts';
import type { Queryable } from '../storage/database.ts';
import { configuredExports, type PlannableExport } from '../storage/exports/exports.ts';
import { filesOfBatches } from '../storage/exports/files.ts';
import { readOneMoment } from '../storage/exports/key-lookup.ts';
import { countKeys } from '../storage/exports/key-stream.ts';
import { readWindowState } from '../storage/windows.ts';
import { freeRevision } from './batch/prepare.ts';
import type { ExportDeps } from './settings.ts';

/** Batches that wait, and windows without batch that have ended, told of one export at most: each is counted. */
const SHOWN_OF_EXPORT = 100;

type Deps = Pick<ExportDeps, 'database' | 'clock' | 'settings'>;

/** A window of an export that has no published files yet. */
export interface PlannedWindow extends ExportWindow, Outlook {
  readonly exportName: string;
  /** Database id, decimal; null when it is not planned. */
  readonly batchId: string | null;
  /** Real keys so far. */
  readonly counts: KeyCounts;
  /** Names of its files, as far as the keys of now decide them; padding adds none. */
  readonly files: readonly string[];
}

/** Which plan. */
export interface PlanOptions {
  /** Of this export only. */
  readonly exportName?: string;
  /** Windows of each export that end in the future. */
  readonly ahead: number;
}

/** The plan as of one moment, by export and time. Throws AppError of the database. */
export async function planAhead(deps: Deps, options: PlanOptions): Promise<readonly PlannedWindow[]> {
  return await deps.database.transaction(async (client) => {
    await readOneMoment(client);
    const terms = await readTerms(client, deps);
    const planned: PlannedWindow[] = [];
    for (const each of await configuredExports(client, deps.settings.maxRecords)) {
      if (options.exportName !== undefined && options.exportName !== each.name) continue;
      planned.push(...(await planOfExport(client, each, { ...terms, ahead: options.ahead })));
    }
    return planned;
  });
}

/** What decides when windows of any export are planned. */
export interface PlanTerms extends Omit<OutlookTerms, 'isHeld'> {
  readonly retentionSeconds: number;
}

/** Reads the time and the length of windows. */
export async function readTerms(client: Queryable, { clock, settings }: Deps): Promise<PlanTerms> {
  const { truncateSeconds } = await readWindowState(client);
  const { minWindowAgeSeconds, retentionSeconds } = settings;
  return { now: await databaseTime(client, clock), truncateSeconds, minWindowAgeSeconds, retentionSeconds };
}

/** The schedule that the planner would follow now: it closes what has ended before it plans. */
export function scheduleOf(planned: PlannableExport, terms: PlanTerms): WindowSchedule {
  const closedThrough = publishableThrough(terms.now, windowStart(terms.now, terms.truncateSeconds), terms);
  const oldest = new Date(closedThrough.getTime() - terms.retentionSeconds * 1000);
  return { ...planned, closedThrough, oldest, limit: SHOWN_OF_EXPORT };
}

/** What a window of an export will hold, with the configuration of now. */
export function selectionOf(planned: PlannableExport, { start, end }: ExportWindow): PlannableExport & KeySelection {
  return { ...planned, windowStart: start, windowEnd: end, paddingDecision: null };
}

async function planOfExport(
  client: Queryable,
  planned: PlannableExport,
  terms: PlanTerms & { readonly ahead: number },
): Promise<PlannedWindow[]> {
  const held = { ...terms, isHeld: planned.isHeld };
  const windows: PlannedWindow[] = [];
  for (const batch of await waitingBatches(client, { exportId: planned.id, limit: SHOWN_OF_EXPORT })) {
    windows.push(await describeBatch(client, batch, batchOutlook(batch, held)));
  }
  for (const window of upcomingWindows(scheduleOf(planned, terms), terms.now, terms.ahead)) {
    const selection = { ...selectionOf(planned, window), revision: 0 };
    const counts = await countKeys(client, selection, 'real');
    const files = await decidedNames(client, selection, counts);
    windows.push({ exportName: planned.name, ...window, ...windowOutlook(window, held), batchId: null, counts, files });
  }
  return windows;
}

async function describeBatch(client: Queryable, batch: Batch, outlook: Outlook): Promise<PlannedWindow> {
  const counts = await countKeys(client, batch, 'real');
  const files = batch.isPrepared
    ? ((await filesOfBatches(client, [batch.id])).get(batch.id) ?? []).map(({ name }) => name)
    : await decidedNames(client, batch, batch.counts ?? counts);
  const { exportName, windowStart: start, windowEnd: end, id: batchId } = batch;
  return { exportName, start, end, ...outlook, batchId, counts, files };
}

/** None without keys: an empty window gets no file. */
async function decidedNames(
  client: Queryable,
  batch: Parameters<typeof freeRevision>[1] & Pick<Batch, 'maxRecords'>,
  counts: KeyCounts,
): Promise<readonly string[]> {
  const shares = splitBatch({ ...counts, maxRecords: batch.maxRecords });
  const revision = await freeRevision(client, batch, shares);
  return shares.map(({ number }) => fileName({ ...batch, revision, number }));
}
