/** Keeps an exchange while it runs, and ends it when it is no longer ours or no longer wanted. */
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../domain/errors.ts';
import { renewExchange, type ExchangeHolder } from '../../storage/partners/partner-exchanges.ts';
import { readPartner, type KnownPartner } from '../../storage/partners/partners.ts';
import type { ExchangeDeps } from './settings.ts';

/** Renewals in one lease: two may fail before the third is too late. */
const renewals = 3;

/** Why an exchange ends that is not at fault. */
export type KeeperReason = 'lease_lost' | 'partner_paused' | 'partner_changed';

type KeeperDeps = Pick<ExchangeDeps, 'database' | 'clock' | 'settings'>;

/** Renews the lease and reads the partner's configuration again, several times in a lease, until it is stopped. */
export class ExchangeKeeper {
  readonly #deps: KeeperDeps;
  readonly #holder: ExchangeHolder;
  readonly #partner: KnownPartner;
  readonly #ended = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #reason: KeeperReason | undefined;
  #failures = 0;

  constructor(deps: KeeperDeps, holder: ExchangeHolder, partner: KnownPartner) {
    this.#deps = deps;
    this.#holder = holder;
    this.#partner = partner;
    this.#timer = setInterval(() => void this.#look(), (deps.settings.leaseSeconds * 1000) / renewals);
  }

  /** Aborted when the exchange must end. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Why it was aborted. */
  get reason(): KeeperReason | undefined {
    return this.#reason;
  }

  /** Ends the exchange. @returns what to throw, so that the transaction at hand is rolled back */
  end(reason: KeeperReason): AppError {
    const error = new AppError('conflict', reason, words[reason]);
    this.#reason ??= reason;
    this.#ended.abort(error);
    return error;
  }

  /** Stops looking. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { database, clock, settings } = this.#deps;
    try {
      const isOurs = await renewExchange(database, this.#holder, { clock, leaseSeconds: settings.leaseSeconds });
      const partner = await readPartner(database, this.#partner.id);
      this.#failures = 0;
      const reason = isOurs ? changeOf(this.#partner, partner) : 'lease_lost';
      if (reason !== undefined) this.end(reason);
    } catch {
      this.#failures += 1;
      if (this.#failures >= renewals - 1) this.end('lease_lost');
    }
  }
}

const words: Readonly<Record<KeeperReason, string>> = {
  lease_lost: 'another process has taken the exchange over',
  partner_paused: 'the partner is paused',
  partner_changed: 'the partner was configured anew',
};

function changeOf(before: KnownPartner, now: KnownPartner | null): KeeperReason | undefined {
  if (now !== null && now.pausedAt !== null) return 'partner_paused';
  return isDeepStrictEqual(before, now) ? undefined : 'partner_changed';
}
