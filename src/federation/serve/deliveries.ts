/** Everything of closed windows after a position, batch by batch: one page is read, and the next when the reader has taken it. */
import { startOf, type Position } from '../../domain/federation/position.ts';
import type { SharingScope } from '../../domain/federation/scope.ts';
import type { SharedKey } from '../../domain/federation/shared-key.ts';
import { countSharedKeys, readSharedKeys } from '../../storage/partners/shared-keys.ts';
import { cutBatches } from './cut-batches.ts';
import type { ServeDeps } from './settings.ts';

/** One batch. */
export interface Delivery {
  /** None = there is nothing more, or nothing so far. */
  readonly keys: readonly SharedKey[];
  /** Where to go on after it. */
  readonly reached: Position;
  /** Everything that happened before this time is with the partner after this batch; null = not yet. */
  readonly caughtUpThrough: Date | null;
  /** About how many keys come after it. */
  readonly pendingKeys: number;
}

/** What to deliver. */
export interface DeliveryOptions {
  /** Null = nothing may be had. */
  readonly scope: SharingScope | null;
  readonly after: Position;
  /** At most `closed_through`. */
  readonly through: Date;
  /** Keys of one batch. */
  readonly batchKeys: number;
  readonly signal: AbortSignal;
}

/** Few enough to stay small in memory for each of many streams, many enough to be worth a statement. */
const pageKeys = 10_000;
/** Rows that are looked at to tell how many keys come. */
const mostCounted = 100_000;

/** At least one; the last one says that the partner has caught up. */
export async function* deliveries(
  deps: Pick<ServeDeps, 'database'>,
  { scope, after, through, batchKeys, signal }: DeliveryOptions,
): AsyncGenerator<Delivery, void, undefined> {
  const last = { reached: startOf(through), caughtUpThrough: through, pendingKeys: 0 };
  let position = after;
  let later = 0;
  while (scope !== null && position.at < through) {
    const { keys, reached, positionAt } = await readSharedKeys(deps.database, scope, {
      ...{ after: position, through, limit: pageKeys, signal },
    });
    const isEnd = reached.at.getTime() === through.getTime();
    later -= keys.length;
    if (!isEnd && later <= 0) {
      later = await countSharedKeys(deps.database, scope, { after: reached, through, most: mostCounted });
    }
    for (const { start, end } of cutBatches(keys, batchKeys)) {
      const batch = keys.slice(start, end);
      if (isEnd && end === keys.length) {
        yield { keys: batch, ...last };
        return;
      }
      const pendingKeys = keys.length - end + (isEnd ? 0 : later);
      yield { keys: batch, reached: positionAt(end - 1), caughtUpThrough: null, pendingKeys };
    }
    // Far along, although there was nothing to see on the way: the reader hears of it.
    if (keys.length === 0 && !isEnd) yield { keys: [], reached, caughtUpThrough: null, pendingKeys: later };
    position = reached;
  }
  yield { keys: [], ...last };
}
