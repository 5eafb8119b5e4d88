/** Runs an exchange with partners because somebody asks, side by side, and tells where each stands meanwhile. */
import { AppError } from '../../domain/errors.ts';
import type { Direction } from '../../storage/partners/partner-exchanges.ts';
import { readPartner, type KnownPartner } from '../../storage/partners/partners.ts';
import { runExchange } from '../exchange/run.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { sideBySide } from '../side-by-side.ts';
import { namedPartners } from './find.ts';
import { statusOf, type PartnerStatus } from './status.ts';

/** Looking is not free: not at each of many batches in a second. */
const pauseMs = 500;

/** How far one partner is. */
export interface PartnerProgress {
  readonly status: PartnerStatus;
  /** Its run is over. */
  readonly isDone: boolean;
}

/**
 * Runs one direction with the partner of that name, or with all that have it and are not paused. Why one failed stands in
 * its status.
 * @param options.name empty = all
 * @throws AppError not_found `partner_not_found`; precondition `partner_paused`, `exchange_off`; of the database
 */
export async function* runExchanges(
  deps: ExchangeDeps,
  { name, direction, signal }: { readonly name: string; readonly direction: Direction; readonly signal: AbortSignal },
): AsyncGenerator<PartnerProgress, void, undefined> {
  const partners = await namedPartners(deps.database, name);
  if (name !== '') for (const partner of partners) requireRunnable(partner, direction);
  const ended = new AbortController();
  const run = { direction, signal: AbortSignal.any([signal, ended.signal]) };
  const runnable = partners.filter((partner) => partner[direction] !== null && partner.pausedAt === null);
  try {
    yield* sideBySide(
      runnable.map((partner) => followExchange(deps, partner, run)),
      deps.settings.concurrency,
    );
  } finally {
    // Whatever is still at work belongs to a run that is over.
    ended.abort();
  }
}

function requireRunnable(partner: KnownPartner, direction: Direction): void {
  requireNotPaused(partner);
  if (partner[direction] !== null) return;
  const message = `this partner's configuration has no \`${direction}\``;
  throw new AppError('precondition', 'exchange_off', message);
}

/** @throws AppError precondition `partner_paused` */
export function requireNotPaused({ pausedAt }: KnownPartner): void {
  if (pausedAt === null) return;
  const message = 'the partner is paused: `enmesh federation resume` lets it go on';
  throw new AppError('precondition', 'partner_paused', message);
}

/** Runs one direction with one partner: tells where it stands at the start, meanwhile, and at the end. */
export async function* followExchange(
  deps: ExchangeDeps,
  partner: KnownPartner,
  { direction, signal }: { readonly direction: Direction; readonly signal: AbortSignal },
): AsyncGenerator<PartnerProgress, void, undefined> {
  yield* look(deps, partner, false);
  let lookedAt = performance.now();
  for await (const { outcome } of runExchange(deps, { partnerId: partner.id, direction, isAsked: true, signal })) {
    if (outcome !== null || performance.now() - lookedAt < pauseMs) continue;
    yield* look(deps, partner, false);
    lookedAt = performance.now();
  }
  yield* look(deps, partner, true);
}

/** Nothing of one that was deleted meanwhile. */
async function* look(
  deps: ExchangeDeps,
  { id }: KnownPartner,
  isDone: boolean,
): AsyncGenerator<PartnerProgress, void, undefined> {
  const partner = await readPartner(deps.database, id);
  const statuses = partner === null ? [] : await statusOf(deps, [partner], { counts: isDone ? 'all' : 'none' });
  for (const status of statuses) yield { status, isDone };
}
