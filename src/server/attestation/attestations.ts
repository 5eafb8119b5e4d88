/** Decides what an app's attestation mode makes of a request: let pass, count, or refuse. */
import { createHash } from 'node:crypto';
import { claimText, type AttestedRequest, type DeviceAttestation } from '../../domain/attestation/claim.ts';
import { attestationFaultText, type AttestationFault } from '../../domain/attestation/fault.ts';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { CounterMetric, Metrics } from '../../platform/metrics.ts';
import type { SecretReader } from '../../platform/secrets/secrets.ts';
import { AppVerifiers, type AttestingApp } from './app-verifiers.ts';

/** A request with its attestation. */
interface AttestingRequest extends AttestedRequest {
  readonly attestation: DeviceAttestation;
}

/** What attestations are checked with. */
export interface AttestationDeps {
  readonly readSecret: SecretReader;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const platforms: ReadonlySet<string> = new Set(['android', 'ios']);

/** The one way to check attestations. */
export class Attestations {
  readonly #verifiers: AppVerifiers;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counter: CounterMetric;

  constructor({ readSecret, clock, metrics, logger }: AttestationDeps) {
    this.#verifiers = new AppVerifiers(readSecret);
    this.#clock = clock;
    this.#logger = logger;
    this.#counter = metrics.counter({
      name: 'enmesh_attestations_total',
      help: 'Attestations of apps that observe or require them, by platform and outcome: passed, unavailable, or what is wrong.',
      labelNames: ['platform', 'outcome'],
    });
  }

  /**
   * Checks where the app's mode is not off; only `require` refuses.
   * @param options.leewaySeconds tolerance for clocks
   * @returns the refusal of an attestation with no fault but its age, which a repeated request outlives; else undefined
   * @throws AppError unauthenticated `attestation_invalid`, naming the check that failed; unavailable
   *   `attestation_unavailable` when the app's keys cannot be had
   */
  async check(
    request: AttestingRequest,
    app: AttestingApp,
    { leewaySeconds }: { readonly leewaySeconds: number },
  ): Promise<AppError | undefined> {
    if (app.attestation === 'off') return undefined;
    const outcome = await this.#examine(request, app, leewaySeconds);
    const { platform } = request.attestation;
    this.#counter.inc({
      platform: platforms.has(platform) ? platform : 'unknown',
      outcome: outcome instanceof AppError ? 'unavailable' : (outcome ?? 'passed'),
    });
    if (outcome === undefined || app.attestation === 'observe') return undefined;
    if (outcome instanceof AppError) throw outcome;
    const refusal = new AppError('unauthenticated', 'attestation_invalid', attestationFaultText(outcome));
    if (outcome === 'too_old') return refusal;
    throw refusal;
  }

  async #examine(
    request: AttestingRequest,
    app: AttestingApp,
    leewaySeconds: number,
  ): Promise<AttestationFault | AppError | undefined> {
    const { platform, payload } = request.attestation;
    if (platform === '' && payload === '') return 'missing';
    if (!platforms.has(platform)) return 'unknown_platform';
    const verifier = await this.#verifierOf(app, platform);
    if (verifier === undefined) return 'not_configured';
    if (verifier instanceof AppError) return verifier;
    if (payload === '') return 'missing';
    const claim = createHash('sha256').update(claimText(request)).digest();
    return await verifier.verify(payload, { claim, now: this.#clock.now(), leewaySeconds });
  }

  async #verifierOf(app: AttestingApp, platform: string) {
    try {
      return await (platform === 'android' ? this.#verifiers.android(app) : this.#verifiers.ios(app));
    } catch (cause) {
      this.#logger.error({ err: cause, app: app.appId }, 'the keys that check attestations cannot be used');
      const text = 'device attestation cannot be checked at the moment';
      return new AppError('unavailable', 'attestation_unavailable', text, { cause });
    }
  }
}
