/** Data keys of revision tokens: made once, wrapped by the key manager, remembered for a while (reference 5.2). */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Database } from '../../storage/database.ts';
import {
  insertFirstRevisionKey,
  insertRevisionKey,
  listRevisionKeys,
  type StoredRevisionKey,
} from '../../storage/revision-keys.ts';
import type { RevisionKey } from './revision-token.ts';

/** What revision keys depend on. */
export interface RevisionKeysDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly keyManager: KeyManager;
  readonly settings: {
    /** Key in the key manager. */
    readonly revisionTokenKey: string;
    readonly revisionKeyCacheSeconds: number;
  };
}

const secretLength = 32;
const aadLength = 16;

/** Makes a new data key, which all replicas use as soon as they look again. */
export async function rotateRevisionKey(deps: RevisionKeysDeps): Promise<void> {
  await insertRevisionKey(deps.database, await makeWrappedKey(deps), deps.clock.forDatabase());
}

/** The data keys of one installation. */
export class RevisionKeys {
  readonly #deps: RevisionKeysDeps;
  /** Newest first. */
  #stored: readonly StoredRevisionKey[] = [];
  #staleFrom = new Date(0);
  #loading: Promise<void> | undefined;
  readonly #secrets = new Map<string, Promise<KeyObject>>();

  constructor(deps: RevisionKeysDeps) {
    this.#deps = deps;
  }

  /**
   * The key that new tokens are sealed with; made when there is none.
   * @throws AppError unavailable: then no token can be made, hence nothing may be stored
   */
  async newest(): Promise<RevisionKey> {
    try {
      if (this.#deps.clock.now() >= this.#staleFrom) await this.#reload();
      const newest = this.#stored[0];
      if (newest) return { kid: newest.kid, secret: await this.#secret(newest) };
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
      // Ids count up: a larger one than all that are known may be another replica's new key.
      if (this.#stored.every((key) => BigInt(key.kid) < BigInt(kid))) await this.#reload();
    } catch (error) {
      throw unavailable(error);
    }
    const stored = this.#stored.find((key) => key.kid === kid);
    try {
      return stored && { kid, secret: await this.#secret(stored) };
    } catch (error) {
      // A key that cannot be unwrapped for good opens no token; one that cannot be now may open it later.
      if (error instanceof AppError && error.kind !== 'unavailable' && error.kind !== 'timeout') return undefined;
      throw unavailable(error);
    }
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
  }

  /** Unwraps a key once; a failure is not remembered. */
  #secret(stored: StoredRevisionKey): Promise<KeyObject> {
    const known = this.#secrets.get(stored.kid);
    if (known) return known;
    const { keyManager, settings } = this.#deps;
    const secret = keyManager
      .decrypt(settings.revisionTokenKey, stored.wrappedKey, stored.aad)
      .then((bytes) => createSecretKey(bytes));
    this.#secrets.set(stored.kid, secret);
    secret.catch(() => this.#secrets.delete(stored.kid));
    return secret;
  }
}

async function makeWrappedKey({ keyManager, settings }: RevisionKeysDeps): Promise<Omit<StoredRevisionKey, 'kid'>> {
  const aad = randomBytes(aadLength);
  const wrapped = await keyManager.encrypt(settings.revisionTokenKey, randomBytes(secretLength), aad);
  return { wrappedKey: Buffer.from(wrapped), aad };
}

function unavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'unavailable', 'no revision token can be made now; try again later', { cause });
}
