/** What every kind of attestation is checked by. */
import type { AttestationFault } from '../../domain/attestation/fault.ts';

/** What an attestation is held to. */
export interface AttestationContext {
  /** SHA-256 of the request's claim. */
  readonly claim: Buffer;
  readonly now: Date;
  /** Tolerance for clocks. */
  readonly leewaySeconds: number;
}

/** Checks the attestations of one app's devices of one platform. */
export interface AttestationVerifier {
  /**
   * @param payload what the phone sent, whatever that is
   * @returns the first thing that is wrong; undefined when nothing is
   */
  verify(payload: string, context: AttestationContext): Promise<AttestationFault | undefined>;
}
