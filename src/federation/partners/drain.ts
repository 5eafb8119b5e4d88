/** Exchanges with a partner what there is, in both directions, and pauses it when nothing is left. */
import type { Direction } from '../../storage/partners/partner-exchanges.ts';
import { readPartner, type KnownPartner } from '../../storage/partners/partners.ts';
import { closeWindows } from '../../storage/windows.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { followExchange, requireNotPaused } from './run-exchanges.ts';
import { setPaused } from './set-paused.ts';
import { statusOf, type ExchangeStatus, type PartnerStatus } from './status.ts';

/** How far it is. */
export interface DrainProgress {
  readonly status: PartnerStatus;
  /** Nothing is left, and it is paused. */
  readonly isDrained: boolean;
}

/**
 * Drains it: what is in windows that are closed by now crosses, then it is paused. When an exchange fails, the last thing
 * told is its status with the error, and the partner is not paused.
 * @throws AppError not_found `partner_not_found` when it was deleted meanwhile; precondition `partner_paused`; of the database
 */
export async function* drain(
  deps: ExchangeDeps,
  partner: KnownPartner,
  { actor, signal }: { readonly actor: string; readonly signal: AbortSignal },
): AsyncGenerator<DrainProgress, void, undefined> {
  requireNotPaused(partner);
  const closedThrough = await closeWindows(deps.database, deps.clock);
  for (const direction of ['pull', 'push'] as const) {
    if (partner[direction] === null) continue;
    const isEmpty = yield* runToEnd(deps, partner, { direction, closedThrough, signal });
    if (!isEmpty) return;
  }
  await setPaused(deps, partner, { isPaused: true, actor });
  const paused = await readPartner(deps.database, partner.id);
  for (const status of paused === null ? [] : await statusOf(deps, [paused], { counts: 'all' })) {
    yield { status, isDrained: true };
  }
}

/** Runs it again as long as each run brings it further. @returns whether nothing is left */
async function* runToEnd(
  deps: ExchangeDeps,
  partner: KnownPartner,
  run: { readonly direction: Direction; readonly closedThrough: Date; readonly signal: AbortSignal },
): AsyncGenerator<DrainProgress, boolean, undefined> {
  for (let keysBefore = -1; ;) {
    let last: ExchangeStatus | null = null;
    for await (const { status } of followExchange(deps, partner, run)) {
      last = status[run.direction];
      yield { status, isDrained: false };
    }
    if (last === null || last.errorCode !== null) return false;
    if (isAtEnd(last, run)) return true;
    if (last.keys === keysBefore) return false;
    keysBefore = last.keys;
  }
}

/** A pull knows what the partner says; a push knows the windows. */
function isAtEnd(
  { lagKeys, reachedAt, succeededAt }: ExchangeStatus,
  { direction, closedThrough }: { readonly direction: Direction; readonly closedThrough: Date },
): boolean {
  if (direction === 'pull') return succeededAt !== null && lagKeys === 0;
  return reachedAt !== null && reachedAt >= closedThrough;
}
