/** Pulls from an Enmesh partner: one stream from the stored cursor to the partner's last closed window. */
import { AppError } from '../../domain/errors.ts';
import type { Exchange, Step } from '../exchange/exchange.ts';
import { badAnswer } from '../exchange/fault.ts';
import { inTime } from '../exchange/in-time.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { openSubscriptions, type Subscriptions } from './stream-wire.ts';
import { storedCursor, storeDelivery, type Delivery } from './store.ts';

/**
 * Stores batch by batch; while one is being stored, HTTP/2 holds the others back. Nothing new costs one call with one
 * response.
 * @throws AppError invalid `bad_partner_answer`; timeout `partner_silent`; of the call; of storing
 */
export async function* pullByStream(deps: ExchangeDeps, exchange: Exchange): AsyncGenerator<Step, void, undefined> {
  using connection = openSubscriptions(exchange.partner, deps.channel);
  const cursor = storedCursor(exchange);
  let steps = 0;
  try {
    for await (const step of follow(deps, exchange, { connection, cursor })) {
      steps += 1;
      yield step;
    }
    return;
  } catch (error) {
    if (cursor === null || steps > 0 || !isInvalidCursor(error)) throw error;
  }
  // What was restored or built anew does not know it; keys that are here already are known.
  deps.logger.warn({ partner: exchange.partner.name }, 'a partner does not know its cursor: pulled from the beginning');
  yield* follow(deps, exchange, { connection, cursor: null });
}

async function* follow(
  deps: ExchangeDeps,
  exchange: Exchange,
  { connection, cursor }: { readonly connection: Subscriptions; readonly cursor: Buffer | null },
): AsyncGenerator<Step, void, undefined> {
  const rule = exchange.partner.pull!;
  let last = cursor;
  let isAtEnd = false;
  for await (const delivery of inTime((signal) => connection.subscribe(rule, cursor, signal), exchange)) {
    refuseStandstill(delivery, { last, isAtEnd });
    yield await storeDelivery(deps, exchange, delivery);
    last = delivery.cursor;
    isAtEnd = delivery.caughtUpThrough !== null;
  }
  if (!isAtEnd) throw badAnswer('the stream ended before all was sent');
}

/** Each response moves the cursor, but one: that there is nothing new. So no stream goes on for ever on one spot. */
function refuseStandstill(
  { keys, cursor, caughtUpThrough }: Delivery,
  { last, isAtEnd }: { readonly last: Buffer | null; readonly isAtEnd: boolean },
): void {
  if (last?.equals(cursor) !== true) return;
  if (keys.length > 0 || caughtUpThrough === null || isAtEnd) throw badAnswer('its cursor does not move');
}

function isInvalidCursor(error: unknown): boolean {
  return error instanceof AppError && error.kind === 'invalid' && error.code === 'invalid_cursor';
}
