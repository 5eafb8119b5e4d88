/** Data keys of revision tokens: made once, wrapped by the key manager, remembered for a while (reference 5.2). */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Database } from '../../storage/database.ts';
import {
  insertFirstRevisionKey,
  listRevisionKeys,
  type StoredRevisionKey,
  type WrappedKey,
} from '../../storage/exposures/revision-keys.ts';
import type { RevisionKey } from './revision-token.ts';

/** What wraps data keys. */
export interface Wrapping {
  readonly keyManager: KeyManager;
  /** Key in the key manager. */
  readonly settings: { readonly revisionTokenKey: string };
}

/** What revision keys depend on. */
export interface RevisionKeysDeps extends Wrapping {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: Wrapping['settings'] & { readonly revisionKeyCacheSeconds: number };
}

const secretLength = 32;
const aadLength = 16;

/** The data keys of one installation. */
export class RevisionKeys {
  readonly #deps: RevisionKeysDeps;
  /** Newest first. */
  #stored: readonly StoredRevisionKey[] = [];
  #staleFrom = new Date(0);
  #loading: Promise<void> | undefined;
  readonly #secrets = new Map<string, Promise<KeyObject>>();
  /** Ids of keys that cannot be unwrapped for good; tried again when all are read again. */
  readonly #unusable = new Set<string>();

  constructor(deps: RevisionKeysDeps) {
    this.#deps = deps;
  }

  /**
   * The key that new tokens are sealed with; made when there is none. A key that cannot be unwrapped for good is passed
   * over for the next older one, until a rotation makes a new key.
   * @throws AppError unavailable: then no token can be made, hence nothing may be stored
   */
  async newest(): Promise<RevisionKey> {
    try {
      await this.#refresh();
      for (const stored of this.#stored) {
        const secret = await this.#usableSecret(stored);
        if (secret) return { kid: stored.kid, secret };
      }
    } catch (error) {
      throw unavailable(error);
    }
    throw unavailable(undefined);
  }

  /**
   * The key of that id; undefined = there is none, or none that still counts.
   * @throws AppError unavailable when the key manager does not answer
   */
  async find(kid: string): Promise<RevisionKey | undefined> {
    if (!/^[1-9]\d{0,17}$/.test(kid)) return undefined;
    try {
      await this.#refresh();
      // Ids count up: a larger one than all that are known may be another replica's new key.
      if (this.#stored.every((key) => BigInt(key.kid) < BigInt(kid))) await this.#reload();
      const stored = this.#stored.find((key) => key.kid === kid);
      const secret = stored && (await this.#usableSecret(stored));
      return secret && { kid, secret };
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #refresh(): Promise<void> {
    if (this.#deps.clock.now() >= this.#staleFrom) await this.#reload();
  }

  #reload(): Promise<void> {
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { database, clock, settings } = this.#deps;
    const startedAt = clock.now();
    let stored = await listRevisionKeys(database);
    if (stored.length === 0) {
      await insertFirstRevisionKey(database, await makeWrappedKey(this.#deps), clock.forDatabase());
      stored = await listRevisionKeys(database);
    }
    this.#stored = stored;
    this.#staleFrom = new Date(startedAt.getTime() + settings.revisionKeyCacheSeconds * 1000);
    const allowed = new Set(stored.map(({ kid }) => kid));
    for (const kid of this.#secrets.keys()) if (!allowed.has(kid)) this.#secrets.delete(kid);
    this.#unusable.clear();
  }

  /** Undefined for a key that cannot be unwrapped for good: it opens and seals nothing, and stops nothing. */
  async #usableSecret(stored: StoredRevisionKey): Promise<KeyObject | undefined> {
    if (this.#unusable.has(stored.kid)) return undefined;
    try {
      return await this.#secret(stored);
    } catch (error) {
      if (!isForGood(error)) throw error;
      this.#unusable.add(stored.kid);
      return undefined;
    }
  }

  /** Unwraps a key once; a failure is not remembered. */
  #secret(stored: StoredRevisionKey): Promise<KeyObject> {
    const known = this.#secrets.get(stored.kid);
    if (known) return known;
    const secret = unwrapKey(this.#deps, stored);
    this.#secrets.set(stored.kid, secret);
    secret.catch(() => this.#secrets.delete(stored.kid));
    return secret;
  }
}

/** A new data key, wrapped. */
export async function makeWrappedKey({ keyManager, settings }: Wrapping): Promise<WrappedKey> {
  const aad = randomBytes(aadLength);
  const wrapped = await keyManager.encrypt(settings.revisionTokenKey, randomBytes(secretLength), aad);
  return { wrappedKey: Buffer.from(wrapped), aad };
}

/**
 * False for a key that cannot be unwrapped for good.
 * @throws AppError when the key manager does not answer
 */
export async function canUnwrap(wrapping: Wrapping, key: WrappedKey): Promise<boolean> {
  try {
    await unwrapKey(wrapping, key);
    return true;
  } catch (error) {
    if (!isForGood(error)) throw error;
    return false;
  }
}

async function unwrapKey({ keyManager, settings }: Wrapping, { wrappedKey, aad }: WrappedKey): Promise<KeyObject> {
  return createSecretKey(await keyManager.decrypt(settings.revisionTokenKey, wrappedKey, aad));
}

/** A key that cannot be unwrapped now may be later, when the key manager answers. */
function isForGood(error: unknown): boolean {
  return error instanceof AppError && error.kind !== 'unavailable' && error.kind !== 'timeout';
}

function unavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'unavailable', 'no revision token can be made now; try again later', { cause });
}
