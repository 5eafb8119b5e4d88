/** Counts requests by client, for an hour at most and without keeping an address (decisions, Publish 16). */
import { createHmac, randomBytes } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { GatewaySettings } from '../settings.ts';
import { ClientAddress, type Sent } from './client-address.ts';
import { networkOf } from './network.ts';

/** What {@link RateLimit} needs. */
export type RateLimitSettings = Pick<GatewaySettings, 'rateLimitPerMinute' | 'trustedProxies'>;

/** Counters expire after a minute; the secret of the hashes is replaced well within the hour. */
const windowSeconds = 60;
const secretMs = 30 * 60_000;

/**
 * How many counters there are: it bounds the memory (some 30 MB when all are in use), and each stands for so many
 * addresses that none can be told from it. Two clients share one by chance, until the secret is replaced.
 */
const counters = 2 ** 17;

/** One count for everything that a client publishes and asks for; chaff counts like the rest. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #client: ClientAddress;
  #limiter: RateLimiterMemory;
  #secret = randomBytes(32);
  #secretEndsAt = performance.now() + secretMs;

  constructor({ rateLimitPerMinute, trustedProxies }: RateLimitSettings) {
    this.#perMinute = rateLimitPerMinute;
    this.#client = new ClientAddress(trustedProxies);
    this.#limiter = this.#makeLimiter();
  }

  /**
   * Counts a request.
   * @returns after how many seconds its client may come again; 0 when the request may go on
   */
  async count(request: Sent): Promise<number> {
    if (this.#perMinute === 0) return 0;
    this.#replaceOldSecret();
    try {
      await this.#limiter.consume(this.#counterOf(networkOf(this.#client.of(request))));
      return 0;
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      return Math.max(1, Math.ceil(refused.msBeforeNext / 1000));
    }
  }

  #counterOf(network: string): number {
    return createHmac('sha256', this.#secret).update(network).digest().readUInt32BE() % counters;
  }

  #replaceOldSecret(): void {
    const now = performance.now();
    if (now < this.#secretEndsAt) return;
    this.#secret = randomBytes(32);
    this.#secretEndsAt = now + secretMs;
    this.#limiter = this.#makeLimiter();
  }

  #makeLimiter(): RateLimiterMemory {
    return new RateLimiterMemory({ points: this.#perMinute, duration: windowSeconds, keyPrefix: '' });
  }
}
