/** Pushes to a partner what it does not have yet: from the stored position to our last closed window. */
import { AppError } from '../../domain/errors.ts';
import { authorityId } from '../../domain/federation/authority-id.ts';
import { decodeCursor, encodeCursor } from '../../domain/federation/cursor.ts';
import { beginning, type Position } from '../../domain/federation/position.ts';
import { pushScope, scopeHash, type SharingScope } from '../../domain/federation/scope.ts';
import { advanceExchange } from '../../storage/partners/partner-exchanges.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { closedThrough } from '../../storage/windows.ts';
import type { Exchange, Step } from '../exchange/exchange.ts';
import { badAnswer } from '../exchange/fault.ts';
import { inTime } from '../exchange/in-time.ts';
import { refusedAmong } from '../exchange/refused.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { deliveries, type Delivery } from '../serve/deliveries.ts';
import { mostBatchKeys } from '../wire.ts';
import { InFlight } from './in-flight.ts';
import { openPushes, toSentBatch, type Acknowledgement, type Pushes, type SentBatch } from './send-wire.ts';

/** Enough that the next one waits at the partner while one is being stored. */
const mostInFlight = 4;

/** What the partner is to have of us by its rule; null = nothing. */
export function pushScopeOf({ identity, push }: KnownPartner): SharingScope | null {
  return push === null ? null : pushScope(push, authorityId(identity));
}

/**
 * Sends batch by batch; each acknowledged one moves the position. Nothing new costs no call.
 * @throws AppError invalid `bad_partner_answer`; timeout `partner_silent`; exhausted `quota_exceeded` when the partner takes
 *   no more for now; of the call; of the database
 */
export async function* pushKeys(deps: ExchangeDeps, exchange: Exchange): AsyncGenerator<Step, void, undefined> {
  const through = await closedThrough(deps);
  const sender = new Sender(deps, exchange, { scope: pushScopeOf(exchange.partner), through });
  yield* sender.send();
}

/** A batch on its way. */
interface Sent extends Delivery, SentBatch {}

/** One push from the stored position to the end. */
class Sender {
  readonly #deps: ExchangeDeps;
  readonly #exchange: Exchange;
  readonly #scope: SharingScope | null;
  readonly #through: Date;
  /** Everything up to there is durable at the partner. */
  #reached: Position;

  constructor(
    deps: ExchangeDeps,
    exchange: Exchange,
    { scope, through }: { readonly scope: SharingScope | null; readonly through: Date },
  ) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#through = through;
    const { cursor, ruleHash } = exchange.leased;
    const isOfScope = ruleHash?.equals(scopeHash(scope)) === true;
    this.#reached = cursor !== null && isOfScope ? decodeCursor(cursor, scope) : beginning;
  }

  async *send(): AsyncGenerator<Step, void, undefined> {
    const { partner } = this.#exchange;
    const batches = this.#batches();
    const { value: first } = await batches.next();
    if (first === undefined || first.keys.length === 0) {
      if (first !== undefined) await this.#advance(first, { keys: 0, refusedKeys: 0 });
      return;
    }
    using connection = openPushes(partner, this.#deps.channel);
    try {
      yield* this.#sendAll(connection, { batches: withFirst(first, batches), salt: 0 });
      return;
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'conflict' || error.code !== 'batch_conflict') throw error;
    }
    this.#deps.logger.warn({ partner: partner.name }, 'a partner knows a batch otherwise: sent under another id');
    yield* this.#sendAll(connection, { batches: this.#batches(), salt: 1 });
  }

  /** What follows the place that is reached; from the same place on batches are cut alike. */
  #batches(): AsyncGenerator<Delivery, void, undefined> {
    return deliveries(this.#deps, {
      scope: this.#scope,
      after: this.#reached,
      through: this.#through,
      batchKeys: mostBatchKeys,
      signal: this.#exchange.signal,
    });
  }

  async *#sendAll(
    connection: Pushes,
    { batches, salt }: { readonly batches: AsyncIterable<Delivery>; readonly salt: number },
  ): AsyncGenerator<Step, void, undefined> {
    const inFlight = new InFlight<Sent>(mostInFlight);
    const scopeId = scopeHash(this.#scope);
    let end: Delivery | undefined;
    const outgoing = async function* (signal: AbortSignal): AsyncGenerator<SentBatch> {
      for await (const batch of batches) {
        if (batch.caughtUpThrough !== null) end = batch;
        if (batch.keys.length === 0) continue;
        const sent = { ...batch, ...toSentBatch(batch.keys, { scopeId, salt }) };
        await inFlight.add(sent, signal);
        yield sent;
      }
    };
    const push = (signal: AbortSignal) => connection.push(outgoing(signal), signal);
    for await (const acknowledgement of inTime(push, this.#exchange)) {
      yield await this.#acknowledged(inFlight.shift(), acknowledgement);
    }
    if (end === undefined || inFlight.size > 0) throw badAnswer('it ended the stream before all was acknowledged');
    await this.#advance(end, { keys: 0, refusedKeys: 0 });
  }

  async #acknowledged(sent: Sent | undefined, { id, verdicts }: Acknowledgement): Promise<Step> {
    if (sent?.id.equals(id) !== true) throw badAnswer('it acknowledges what was not sent, or not in turn');
    if (verdicts.length !== sent.keys.length) throw badAnswer('it does not judge each key of a batch');
    const { total, byReason } = refusedAmong(verdicts);
    await this.#advance(sent, { keys: verdicts.length, refusedKeys: total });
    if (total > 0) {
      this.#deps.logger.warn({ partner: this.#exchange.partner.name, ...byReason }, 'a partner refused keys');
    }
    return { keys: verdicts.length, fresh: verdicts.length };
  }

  async #advance(
    { reached, caughtUpThrough, pendingKeys }: Omit<Delivery, 'keys'>,
    counts: { readonly keys: number; readonly refusedKeys: number },
  ): Promise<void> {
    const { holder, keeper } = this.#exchange;
    const cursor = encodeCursor(reached, this.#scope);
    const step = { ...counts, cursor, ruleHash: scopeHash(this.#scope), caughtUpThrough, pendingKeys };
    if (!(await advanceExchange(this.#deps.database, holder, step))) throw keeper.end('lease_lost');
    this.#reached = reached;
  }
}

async function* withFirst<T>(first: T, others: AsyncGenerator<T>): AsyncGenerator<T, void, undefined> {
  yield first;
  yield* others;
}
