/** The step of the device attestation, where the app asks for one. */
import type { Clock } from '../../../platform/clock.ts';
import { createLogger } from '../../../platform/logger.ts';
import { Metrics } from '../../../platform/metrics.ts';
import type { SecretReader } from '../../../platform/secrets/secrets.ts';
import { Attestations } from '../../attestation/attestations.ts';
import type { App } from '../authority-cache.ts';
import type { PublishCommand } from '../command.ts';
import type { PublishSettings } from '../settings.ts';
import { check, type Steps } from './steps.ts';

/** What an attestation is looked at with. */
export interface AttestationContext {
  readonly app: App | undefined;
  /** The same request was answered before: then its attestation may be old. */
  readonly isRepeated: boolean;
  readonly now: Date;
  readonly settings: PublishSettings;
  readonly readSecret: SecretReader;
}

const name = 'attestation';

/** Checks as a publish does, at the given time, and counts and logs nothing. */
export async function explainAttestation(
  command: PublishCommand,
  { app, isRepeated, now, settings, readSecret }: AttestationContext,
  steps: Steps,
): Promise<void> {
  if (!app || app.attestation === 'off') {
    steps.skipped(name, app ? 'the app asks for none' : 'the app is unknown');
    return;
  }
  const clock: Clock = { now: () => now, forDatabase: () => now };
  const logger = createLogger({ level: 'silent', pretty: false });
  const attestations = new Attestations({ readSecret, clock, metrics: new Metrics(), logger });
  const required = { ...app, attestation: 'require' } as const;
  const checked = await check(() =>
    attestations.check(command, required, { leewaySeconds: settings.certificateLeewaySeconds }),
  );
  const refusal = checked.refusal ?? checked.value;
  const isTooOld = checked.value !== undefined;
  if (!refusal) steps.passed(name, `of ${command.attestation.platform}, over exactly this request`);
  else if (app.attestation === 'observe') steps.warned(name, refusal.message, 'the app only counts attestations');
  else if (isTooOld && isRepeated) steps.warned(name, refusal.message, 'it is old, as the request is repeated');
  else steps.refused(name, refusal);
}
