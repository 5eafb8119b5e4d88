/** Pulls from a partner that speaks the deployed protocol: page by page until there is no more. */
import { AppError } from '../../domain/errors.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Exchange, Step } from '../exchange/exchange.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { openPages, type Page } from './fetch-wire.ts';
import { storedCursor, storeDelivery } from './store.ts';

/**
 * Stores page by page, each with the state to go on with. Nothing new costs one call. Deployed servers give revisions again
 * with each first page: those that were made are left alone.
 * @throws AppError invalid `bad_partner_answer`; unavailable `partner_livelock`; of the call; of storing
 */
export async function* pullByFetch(deps: ExchangeDeps, exchange: Exchange): AsyncGenerator<Step, void, undefined> {
  using connection = openPages(exchange.partner, deps.channel);
  // The partner does not say how far its windows are closed: all that there was when it was asked has come.
  const askedAt = await databaseTime(deps.database, deps.clock);
  let state = storedCursor(exchange);
  for (let isFirst = true; ; isFirst = false) {
    const page: Page = await connection.fetch(exchange.partner.pull!, { state, ...limitsOf(exchange, isFirst) });
    const step = await storeDelivery(deps, exchange, {
      keys: page.keys,
      cursor: page.state,
      caughtUpThrough: page.isPartial ? null : askedAt,
      pendingKeys: page.isPartial ? page.keys.length : 0,
    });
    yield step;
    if (!page.isPartial) return;
    if (step.fresh === 0 && state?.equals(page.state) === true) throw livelock();
    state = page.state;
  }
}

/** A page may take minutes; the first one of a partner that has failed again and again must come soon. */
function limitsOf({ signal, firstSeconds, nextSeconds }: Exchange, isFirst: boolean) {
  return isFirst && firstSeconds < nextSeconds ? { signal, timeoutMs: firstSeconds * 1000 } : { signal };
}

/**
 * A deployed server goes on by time alone, so that it gives the same page for ever where more keys than a page have one
 * time (reference 5.3, 12.15).
 */
function livelock(): AppError {
  return new AppError(
    'unavailable',
    'partner_livelock',
    'the partner gives the same page again and again: more of its keys have one creation time than it gives at once (a known fault of deployed servers); what it gave is stored; it must raise MAX_RECORDS, or serve shorter windows',
  );
}
