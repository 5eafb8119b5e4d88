/** Runs one direction of the exchange with one partner, if no other process does: from the lease to how it ended. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../domain/errors.ts';
import { exchangeRetrySeconds, isBreakerOpen } from '../../domain/federation/retry-delay.ts';
import {
  giveBackExchange,
  leaseExchange,
  type ExchangeEnd,
  type ExchangeHolder,
  type ExchangeName,
  type LeasedExchange,
} from '../../storage/partners/partner-exchanges.ts';
import { partnerNotFound, readPartner, type KnownPartner } from '../../storage/partners/partners.ts';
import { connectionFaultText } from '../auth/connection-faults.ts';
import { pullByFetch } from '../pull/fetch.ts';
import { pullByStream } from '../pull/stream.ts';
import { pushKeys } from '../push/send.ts';
import type { Exchange, Step } from './exchange.ts';
import { faultOf } from './fault.ts';
import { ExchangeKeeper } from './keeper.ts';
import type { ExchangeDeps } from './settings.ts';

/** How often to look whether another process is done with the exchange. */
const pollMs = 200;

/** What to run. */
export interface ExchangeOptions extends ExchangeName {
  /** Somebody asked: back-off is passed over, another process is waited for, and the run goes on to the end. */
  readonly isAsked: boolean;
  /** Another exchange waits for the place of this one; never when not given. */
  readonly isWanted?: () => boolean;
  readonly signal: AbortSignal;
}

/** How far a run is. */
export interface ExchangeProgress extends ExchangeName {
  /** Keys that crossed in this run. */
  readonly keys: number;
  /** Null while it runs; `interrupted` = the partner was paused or changed, or another process took over. */
  readonly outcome: ExchangeEnd['outcome'] | null;
}

/**
 * Runs it, and tells of each step. Why it failed is remembered with the exchange, which is tried again after a while.
 * Does nothing for a direction that is not configured, a partner that is paused, and what is not due or in other hands.
 * @throws AppError not_found `partner_not_found`; of the database; the signal's reason when it aborts
 */
export async function* runExchange(
  deps: ExchangeDeps,
  options: ExchangeOptions,
): AsyncGenerator<ExchangeProgress, void, undefined> {
  const { partnerId, direction } = options;
  const holder = { partnerId, direction, owner: randomUUID() };
  const leased = await lease(deps, holder, options);
  if (leased === null) return;
  // Read under the lease: whatever changes from now on ends the run.
  const partner = await readPartner(deps.database, partnerId);
  if (partner === null || partner.pausedAt !== null || partner[direction] === null) {
    await giveBackExchange(deps.database, holder, { clock: deps.clock, end: { outcome: 'interrupted' } });
    return;
  }
  yield* runLeased(deps, options, { partner, holder, leased });
}

/** Takes the lease; when somebody asked, after whoever has it. */
async function lease(
  { database, clock, settings }: ExchangeDeps,
  holder: ExchangeHolder,
  { isAsked, signal }: ExchangeOptions,
): Promise<LeasedExchange | null> {
  const terms = { clock, leaseSeconds: settings.leaseSeconds, ignoreBackOff: isAsked };
  for (;;) {
    signal.throwIfAborted();
    const leased = await leaseExchange(database, holder, terms);
    if (leased !== null || !isAsked) return leased;
    if ((await readPartner(database, holder.partnerId)) === null) throw partnerNotFound();
    await wait(pollMs, undefined, { signal });
  }
}

async function* runLeased(
  deps: ExchangeDeps,
  options: ExchangeOptions,
  { partner, holder, leased }: Pick<Exchange, 'partner' | 'holder' | 'leased'>,
): AsyncGenerator<ExchangeProgress, void, undefined> {
  const { database, clock, settings } = deps;
  const { isAsked, signal, partnerId, direction } = options;
  const keeper = new ExchangeKeeper(deps, holder, partner);
  const firstSeconds = isBreakerOpen(leased.failures) && !isAsked ? settings.probeSeconds : settings.idleSeconds;
  const run = new Run(deps, {
    partner,
    holder,
    leased,
    keeper,
    firstSeconds,
    nextSeconds: settings.idleSeconds,
    signal: AbortSignal.any([signal, keeper.signal]),
  });
  let end: ExchangeEnd = { outcome: 'interrupted' };
  try {
    for await (const keys of run.steps(options)) {
      yield { partnerId, direction, keys, outcome: null };
    }
    end = run.end();
  } catch (error) {
    // A stop is nobody's fault, whatever the abort looks like from where the work was.
    if (signal.aborted) throw signal.reason;
    end = run.endOf(error);
  } finally {
    keeper.stop();
    await giveBackExchange(database, holder, { clock, end });
  }
  run.report(end);
  yield { partnerId, direction, keys: run.keys, outcome: end.outcome };
}

/** What a run has come to so far. */
class Run {
  readonly #deps: ExchangeDeps;
  readonly #exchange: Exchange;
  #keys = 0;
  #fresh = 0;
  #isAtEnd = false;

  constructor(deps: ExchangeDeps, exchange: Exchange) {
    this.#deps = deps;
    this.#exchange = exchange;
  }

  get keys(): number {
    return this.#keys;
  }

  /** Goes step by step until there is nothing more, or its time is over. @returns keys so far, after each */
  async *steps({ isAsked, isWanted }: ExchangeOptions): AsyncGenerator<number, void, undefined> {
    const { runSeconds, turnSeconds } = this.#deps.settings;
    const startedAt = performance.now();
    for await (const { keys, fresh } of drive(this.#deps, this.#exchange)) {
      this.#keys += keys;
      this.#fresh += fresh;
      yield this.#keys;
      const seconds = (performance.now() - startedAt) / 1000;
      if (!isAsked && seconds > runSeconds) return;
      if (this.#fresh > 0 && seconds > turnSeconds && isWanted?.() === true) return;
    }
    this.#isAtEnd = true;
  }

  /** How a run ended that nothing went wrong with. */
  end(): ExchangeEnd {
    const { holder } = this.#exchange;
    const { intervalSeconds } = this.#deps.settings;
    if (this.#isAtEnd) return { outcome: 'done', nextSeconds: holder.direction === 'pull' ? intervalSeconds : 0 };
    if (this.#fresh > 0) return { outcome: 'done', nextSeconds: 0 };
    return this.endOf(
      new AppError('timeout', 'partner_endless', 'the partner kept a whole run busy without a key that is new'),
    );
  }

  /** How one ended that something went wrong with. */
  endOf(error: unknown): ExchangeEnd {
    const { keeper, leased } = this.#exchange;
    if (keeper.reason !== undefined) return { outcome: 'interrupted' };
    // Tokens are short-lived: a long run calls again with a new one.
    if (this.#fresh > 0 && error instanceof AppError && error.code === 'token_expired') {
      return { outcome: 'done', nextSeconds: 0 };
    }
    if (!(error instanceof AppError)) this.#deps.logger.error({ err: error }, 'an exchange failed by a fault of ours');
    const retrySeconds = exchangeRetrySeconds(leased.failures + 1, this.#deps.random());
    return { outcome: 'failed', retrySeconds, ...faultOf(error) };
  }

  report(end: ExchangeEnd): void {
    const { partner, holder, keeper, leased } = this.#exchange;
    const fields = { partner: partner.name, direction: holder.direction, keys: this.#keys };
    if (end.outcome === 'interrupted') {
      this.#deps.logger.info({ ...fields, reason: keeper.reason }, 'an exchange was interrupted');
    } else if (end.outcome === 'failed') {
      // Words of our own alone: others may be the partner's, and the log must hold neither keys nor addresses.
      const { code, retrySeconds } = end;
      const failures = leased.failures + 1;
      const cause = connectionFaultText(code);
      this.#deps.logger.warn({ ...fields, code, cause, failures, retrySeconds }, 'an exchange failed');
    } else if (this.#keys > 0 || leased.failures > 0) {
      this.#deps.logger.info(fields, 'an exchange is done');
    }
  }
}

function drive(deps: ExchangeDeps, exchange: Exchange): AsyncGenerator<Step, void, undefined> {
  const { partner, holder } = exchange;
  if (holder.direction === 'push') return pushKeys(deps, exchange);
  return isFetched(partner) ? pullByFetch(deps, exchange) : pullByStream(deps, exchange);
}

function isFetched({ pull }: KnownPartner): boolean {
  return pull?.protocol === 'fetch';
}
