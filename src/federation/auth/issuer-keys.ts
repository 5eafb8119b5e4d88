/** Keys of issuers, remembered: read again when they are old or one is missing, but never more often than is decent. */
import type { JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';

/** How long what is remembered holds, in milliseconds. */
export interface KeyLives {
  /** Then the keys are read again: a key that left the document is refused from then on. */
  readonly freshMs: number;
  /** So long they are used while the issuer cannot be read. */
  readonly staleMs: number;
  /** Between two readings of one issuer on average, whatever tokens ask for. */
  readonly pauseMs: number;
  /** So many readings may come without a pause: an issuer that changes its keys right after one is read at once. */
  readonly burst: number;
}

/** Deployed JWKS live for minutes to hours; a flood of unknown `kid`s costs an issuer two readings a minute. */
export const keyLives: KeyLives = { freshMs: 10 * 60_000, staleMs: 24 * 3_600_000, pauseMs: 30_000, burst: 4 };

/** More issuers than partners have at a time. */
const mostIssuers = 1_000;

/** What is known of one issuer. */
interface Known {
  keys: readonly JWK[];
  /** When they were read; none yet = never. */
  readAt: number;
  /** When it was tried to, the last `burst` times. */
  triedAt: readonly number[];
  failure: AppError | undefined;
  reading: Promise<void> | undefined;
}

/** What {@link IssuerKeys} needs. */
export interface IssuerKeysDeps {
  readonly clock: Clock;
  readonly lives?: KeyLives;
  /** Throws AppError unavailable `issuer_unreachable`. */
  read(issuer: string): Promise<readonly JWK[]>;
}

/** The keys of every issuer that is asked for; who asks while they are read shares the reading. */
export class IssuerKeys {
  readonly #deps: IssuerKeysDeps;
  readonly #lives: KeyLives;
  readonly #known = new LRUCache<string, Known>({ max: mostIssuers });

  constructor(deps: IssuerKeysDeps) {
    this.#deps = deps;
    this.#lives = deps.lives ?? keyLives;
  }

  /**
   * Keys that may verify a token.
   * @param kid of the token: if no key has it, the keys are read again
   * @throws AppError unavailable `issuer_unreachable` while none are known
   */
  async of(issuer: string, kid: string | undefined): Promise<readonly JWK[]> {
    const known = this.#known.get(issuer) ?? this.#add(issuer);
    const isMissing = kid !== undefined && !known.keys.some((key) => key.kid === kid);
    if (isMissing || this.#age(known.readAt) >= this.#lives.freshMs) await this.#refresh(issuer, known);
    if (known.keys.length > 0 && this.#age(known.readAt) < this.#lives.staleMs) return known.keys;
    throw known.failure ?? unreachable();
  }

  #add(issuer: string): Known {
    const known = { keys: [], readAt: -Infinity, triedAt: [], failure: undefined, reading: undefined };
    this.#known.set(issuer, known);
    return known;
  }

  #age(since: number): number {
    return this.#deps.clock.now().getTime() - since;
  }

  async #refresh(issuer: string, known: Known): Promise<void> {
    const { burst, pauseMs } = this.#lives;
    if (known.reading === undefined) {
      if (this.#age(known.triedAt.at(-burst) ?? -Infinity) < burst * pauseMs) return;
      known.triedAt = [...known.triedAt, this.#deps.clock.now().getTime()].slice(-burst);
      known.reading = this.#read(issuer, known).finally(() => (known.reading = undefined));
    }
    await known.reading;
  }

  /** What cannot be read leaves what is known as it is. */
  async #read(issuer: string, known: Known): Promise<void> {
    try {
      known.keys = await this.#deps.read(issuer);
      known.readAt = this.#deps.clock.now().getTime();
      known.failure = undefined;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      known.failure = error;
    }
  }
}

function unreachable(): AppError {
  return new AppError('unavailable', 'issuer_unreachable', "the issuer's keys are not known yet; try again later");
}
