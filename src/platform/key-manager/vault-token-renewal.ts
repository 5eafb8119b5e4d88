/** Keeps a token that was given to us alive, as long as Vault lets it live. */
import { isObject, type VaultHttp } from './vault-http.ts';

interface Lease {
  readonly seconds: number;
  readonly isRenewable: boolean;
}

const shortestPauseMs = 1_000;
/** Timers take no more. */
const longestPauseMs = 2 ** 31 - 1;

/**
 * Renews when two thirds of the token's life are over. Vault cuts each new life at the token's end (its maximal TTL), so
 * that renewals come to an end by themselves; a Vault that does not answer is asked again while the token lives. Nothing
 * depends on it: a token that has ended is refused, and that is told.
 */
export class TokenRenewal {
  readonly #token: string;
  readonly #http: VaultHttp;
  #hasBegun = false;

  constructor(token: string, http: VaultHttp) {
    this.#token = token;
    this.#http = http;
  }

  /** Looks the token up and, where it can be renewed, goes on by itself; the process may end meanwhile. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#ask('GET', 'auth/token/lookup-self').then(
      (content) => {
        this.#plan(leaseOf(content?.data, 'ttl'));
      },
      () => {
        this.#hasBegun = false;
      },
    );
  }

  #plan(lease: Lease | undefined): void {
    if (lease === undefined || !lease.isRenewable || lease.seconds <= 0) return;
    const lifeMs = lease.seconds * 1000;
    this.#after((lifeMs * 2) / 3, performance.now() + lifeMs);
  }

  #after(pauseMs: number, endsAt: number): void {
    const timer = setTimeout(
      () => {
        void this.#ask('POST', 'auth/token/renew-self').then(
          (content) => {
            this.#plan(leaseOf(content?.auth, 'lease_duration'));
          },
          () => {
            const leftMs = endsAt - performance.now();
            if (leftMs > 0) this.#after(leftMs / 3, endsAt);
          },
        );
      },
      Math.min(Math.max(pauseMs, shortestPauseMs), longestPauseMs),
    );
    timer.unref();
  }

  /** Undefined when the token may not do that; then it lives as long as it lives. */
  async #ask(method: 'GET' | 'POST', path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const request = { method, path, ...(method === 'POST' ? { body: {} } : {}) };
    const { status, content } = await this.#http.exchange(request, this.#token);
    return status === 200 ? content : undefined;
  }
}

function leaseOf(content: unknown, member: 'ttl' | 'lease_duration'): Lease | undefined {
  if (!isObject(content)) return undefined;
  const { [member]: seconds, renewable } = content;
  return typeof seconds === 'number' ? { seconds, isRenewable: renewable === true } : undefined;
}
