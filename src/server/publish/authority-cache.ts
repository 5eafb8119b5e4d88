/** Apps and health authorities by name, remembered for seconds. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { findApp, findAuthority, type StoredApp, type StoredAuthority } from '../../storage/authorities/authorities.ts';
import type { Queryable } from '../../storage/database.ts';
import { NameCache } from './name-cache.ts';

/** An app that may publish. */
export type App = StoredApp;

/** A health authority whose keys are ready to verify with. */
export interface Authority extends Omit<StoredAuthority, 'keys'> {
  readonly keys: readonly AuthorityKey[];
}

/** A P-256 key and when it counts. */
export interface AuthorityKey {
  readonly version: string;
  readonly publicKey: KeyObject;
  readonly validFrom: Date;
  readonly validThru: Date | null;
}

/** A held or revoked name is refused everywhere within this time. */
const mostSeconds = 30;
const mostSecondsUnknown = 5;
const mostNames = 1_000;

/** No stored name is longer; longer ones are unknown without a look. */
const longestName = 1_024;

/** The one way to apps and authorities. */
export class AuthorityCache {
  readonly #apps: NameCache<App>;
  readonly #authorities: NameCache<Authority>;

  /** @param options.seconds how long names are remembered; at most 30 count */
  constructor(database: Queryable, options: { readonly clock: Clock; readonly seconds: number }) {
    const seconds = Math.min(options.seconds, mostSeconds);
    const unknownSeconds = Math.min(seconds, mostSecondsUnknown);
    const settings = { clock: options.clock, size: mostNames, seconds, unknownSeconds };
    this.#apps = new NameCache((id) => findApp(database, id), settings);
    this.#authorities = new NameCache<Authority>(async (issuer) => {
      const stored = await findAuthority(database, issuer);
      return stored && { ...stored, keys: stored.keys.flatMap(readyKey) };
    }, settings);
  }

  /**
   * The app of that id, whatever its case; undefined = unknown.
   * @throws AppError forbidden `on_hold`
   */
  async app(id: string): Promise<App | undefined> {
    return await lookUp(this.#apps, id.toLowerCase(), 'this app is on hold');
  }

  /**
   * The authority of exactly that issuer; undefined = unknown.
   * @throws AppError forbidden `on_hold`
   */
  async authority(issuer: string): Promise<Authority | undefined> {
    return await lookUp(this.#authorities, issuer, 'this health authority is on hold');
  }
}

async function lookUp<T extends { readonly isHeld: boolean }>(
  cache: NameCache<T>,
  name: string,
  heldText: string,
): Promise<T | undefined> {
  // PostgreSQL has no NUL in text, so no stored name has one.
  if (name.length > longestName || name.includes('\0')) return undefined;
  const found = await cache.get(name);
  if (found?.isHeld) throw new AppError('forbidden', 'on_hold', heldText);
  return found;
}

/** A key that is no P-256 public key verifies nothing, hence is as good as none. */
function readyKey({ publicKeyPem, ...key }: StoredAuthority['keys'][number]): AuthorityKey[] {
  try {
    const publicKey = createPublicKey(publicKeyPem);
    return publicKey.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? [{ ...key, publicKey }] : [];
  } catch {
    return [];
  }
}
