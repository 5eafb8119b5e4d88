/** Verdicts on a key and a list of an export, with their reasons in words. */
import type { KeySelection } from '../domain/export/batch.ts';
import type { Outlook, WindowOfTime } from '../domain/export/outlook.ts';
import type { ExportWindow } from '../domain/export/windows.ts';
import type { PlannableExport } from '../storage/exports/exports.ts';
import type { KeyFilter } from '../storage/exports/key-selection.ts';

/** Whether the key is there, and why. */
export interface Verdict {
  /** In a file that is listed · will be in one · never · was in one that has left the index. */
  readonly verdict: 'published' | 'waiting' | 'excluded' | 'expired';
  readonly reason: string;
  /** Null when there is none yet. */
  readonly file: string | null;
  /** When it is published at the earliest; null when it is published, never will be, or nobody can say. */
  readonly due: Date | null;
}

/** A verdict with what it is on. */
export interface KeyPlacement extends Verdict {
  readonly exportName: string;
  /** In the list of revised keys, not of primary ones. */
  readonly isRevised: boolean;
  /** Null when the export has no window for it. */
  readonly window: ExportWindow | null;
}

/** A filter of the export keeps it out. */
export function excludedBy(filter: KeyFilter, selection: KeySelection): Verdict {
  return excluded(filterReasons[filter](selection));
}

const filterReasons: Readonly<Record<KeyFilter, (selection: KeySelection) => string>> = {
  inputRegions: ({ inputRegions, includeTravelers }) => {
    const travelers = includeTravelers ? ' and is no traveler' : '';
    return `it has none of the export's inputRegions (${inputRegions.join(', ')})${travelers}`;
  },
  excludeRegions: ({ excludeRegions }) => `it has one of the export's excludeRegions (${excludeRegions.join(', ')})`,
  onlyNonTravelers: () => 'it is a traveler, and the export is for others only (onlyNonTravelers)',
};

/** Its time is in no window that the export has, had or will have. */
export function outsideOfLife(
  { from, thru, latestEnd }: PlannableExport,
  of: Exclude<WindowOfTime, { kind: 'window' }>,
  at: Date,
): Verdict {
  if (from !== null && at < from)
    return excluded(`its window ended before the export began (from ${from.toISOString()})`);
  if (thru !== null && at >= thru)
    return excluded(`its window began after the export ended (thru ${thru.toISOString()})`);
  if (of.kind === 'passed' && latestEnd === null) {
    return excluded(`the first window of the export begins at ${of.start.toISOString()}, after it was accepted`);
  }
  return excluded('the export has no batch of its window: it was accepted before the first, or the batch is deleted');
}

/** Its window has no batch yet. */
export function waitingForWindow(
  outlook: Outlook,
  { window, at, now }: { readonly window: ExportWindow; readonly at: Date; readonly now: Date },
): Verdict {
  const end = window.end.toISOString();
  const reasons: Partial<Record<Outlook['state'], string>> = {
    collecting:
      at > now
        ? `it is kept back until ${at.toISOString()}, because phones may still use it; its window is open until ${end}`
        : `its window is open until ${end}`,
    ageing: 'its window has ended and is not old enough yet (ENMESH_EXPORT_MIN_WINDOW_AGE)',
    due: 'its window is planned with the next look for work',
  };
  return waiting(outlook, reasons[outlook.state]);
}

/** Its batch has no files yet. */
export function waitingForBatch(outlook: Outlook, file: string | null): Verdict {
  const reasons: Partial<Record<Outlook['state'], string>> = {
    due: 'its batch waits for a worker',
    building: 'its batch is being built',
  };
  return { ...waiting(outlook, reasons[outlook.state]), file };
}

function waiting({ due, detail }: Outlook, reason: string | undefined): Verdict {
  return { verdict: 'waiting', reason: reason ?? detail, file: null, due };
}

function excluded(reason: string): Verdict {
  return { verdict: 'excluded', reason, file: null, due: null };
}
