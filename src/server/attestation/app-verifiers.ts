/** The verifiers of each app, made when its first device comes. */
import type { AndroidAttestation, AttestationMode, IosAttestation } from '../../domain/configuration/configuration.ts';
import type { SecretReader } from '../../platform/secrets/secrets.ts';
import { AppAttest } from './app-attest.ts';
import { PlayIntegrity } from './play-integrity.ts';
import type { AttestationVerifier } from './verifier.ts';

/** What is configured for an app's devices. */
export interface AttestingApp {
  readonly appId: string;
  readonly attestation: AttestationMode;
  /** Null = its devices of this platform cannot attest. */
  readonly android: AndroidAttestation | null;
  readonly ios: IosAttestation | null;
}

/**
 * Verifiers live as long as the settings that they were made of, which the cache of apps forgets within seconds: that
 * bounds their number, and a changed key counts as soon as a changed app. What could not be made is tried again.
 */
export class AppVerifiers {
  readonly #readSecret: SecretReader;
  readonly #made = new WeakMap<object, Promise<AttestationVerifier>>();

  constructor(readSecret: SecretReader) {
    this.#readSecret = readSecret;
  }

  /**
   * Undefined where the app takes no Android devices.
   * @throws Error when a key cannot be read
   */
  async android({ android }: AttestingApp): Promise<AttestationVerifier | undefined> {
    return android === null
      ? undefined
      : await this.#kept(android, () => PlayIntegrity.open(android, this.#readSecret));
  }

  /** Undefined where the app takes no iOS devices. */
  async ios({ ios }: AttestingApp): Promise<AttestationVerifier | undefined> {
    return ios === null ? undefined : await this.#kept(ios, () => Promise.resolve(new AppAttest(ios)));
  }

  #kept(settings: object, make: () => Promise<AttestationVerifier>): Promise<AttestationVerifier> {
    const made = this.#made.get(settings);
    if (made !== undefined) return made;
    const making = make();
    this.#made.set(settings, making);
    making.catch(() => this.#made.delete(settings));
    return making;
  }
}
