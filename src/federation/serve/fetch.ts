/** Fetch: one page of both lists, walked by (window, key) as deployed partners walk them (reference 5.3, decisions). */
import { startOf, type Position } from '../../domain/federation/position.ts';
import type { SharingScope } from '../../domain/federation/scope.ts';
import type { SharedKey } from '../../domain/federation/shared-key.ts';
import { readSharedKeys } from '../../storage/partners/shared-keys.ts';
import { closedThrough } from '../../storage/windows.ts';
import type { ServeDeps } from './settings.ts';

/** Where a partner is in each of the lists. */
export interface FetchState {
  readonly keys: Position;
  readonly revisedKeys: Position;
}

/** What to read. */
export interface FetchOptions {
  /** Null = nothing may be had. */
  readonly scope: SharingScope | null;
  readonly state: FetchState;
  /** Keys of both lists together. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** One page. */
export interface FetchedPage {
  readonly keys: readonly SharedKey[];
  /** Revisions and withdrawals. */
  readonly revisedKeys: readonly SharedKey[];
  /** There is more now. */
  readonly isPartial: boolean;
  readonly next: FetchState;
}

/** While nothing is granted the state stays as it is, so that what is granted later arrives. */
export async function fetchPage(
  deps: Pick<ServeDeps, 'database' | 'clock'>,
  { scope, state, limit, signal }: FetchOptions,
): Promise<FetchedPage> {
  if (scope === null) return { keys: [], revisedKeys: [], isPartial: false, next: state };
  const through = await closedThrough(deps);
  const read = async (after: Position, events: readonly SharedKey['event'][], most: number) => {
    const page = await readSharedKeys(deps.database, scope, { after, through, events, limit: most, signal });
    return { ...page, isEnd: isStartOf(page.reached, through) };
  };
  const first = await read(state.keys, ['published'], limit);
  const room = limit - first.keys.length;
  // No revision before its key: those of a window come when all keys up to the last closed window are there.
  const second = first.isEnd && room > 0 ? await read(state.revisedKeys, ['revised', 'withdrawn'], room) : undefined;
  return {
    keys: first.keys,
    revisedKeys: second?.keys ?? [],
    isPartial: second?.isEnd !== true,
    next: { keys: first.reached, revisedKeys: second?.reached ?? state.revisedKeys },
  };
}

function isStartOf({ at, event, key }: Position, through: Date): boolean {
  return at.getTime() === through.getTime() && event === startOf(through).event && key === null;
}
