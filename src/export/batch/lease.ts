/** Keeps a batch while it is worked on, and says when it is lost. */
import { AppError } from '../../domain/errors.ts';
import { renewLease, type LeaseHolder } from '../../storage/exports/batches.ts';
import type { ExportDeps } from '../settings.ts';

/** Renewals in one lease: two may fail before the third is too late. */
const RENEWALS = 3;

/** Renews until it is stopped; aborts when the lease is lost. */
export class LeaseKeeper {
  readonly #deps: Pick<ExportDeps, 'database' | 'clock' | 'settings'>;
  readonly #holder: LeaseHolder;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #failures = 0;

  constructor(deps: Pick<ExportDeps, 'database' | 'clock' | 'settings'>, holder: LeaseHolder) {
    this.#deps = deps;
    this.#holder = holder;
    this.#timer = setInterval(() => void this.#renew(), (deps.settings.leaseSeconds * 1000) / RENEWALS);
  }

  /** Aborted, with a `lease_lost`, when another worker may have the batch. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Stops renewing. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async #renew(): Promise<void> {
    const { database, clock, settings } = this.#deps;
    try {
      const isOurs = await renewLease(database, this.#holder, { clock, leaseSeconds: settings.leaseSeconds });
      this.#failures = isOurs ? 0 : RENEWALS;
    } catch {
      this.#failures += 1;
    }
    if (this.#failures >= RENEWALS - 1) this.#lost.abort(leaseLost());
  }
}

/** Another worker may have the batch: everything not yet committed is left to it. */
export function leaseLost(): AppError {
  return new AppError('conflict', 'lease_lost', 'another worker has taken the batch over');
}
