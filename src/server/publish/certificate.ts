/** Verifies that a health authority vouches for exactly these keys (reference 3). */
import { hmacOrder, hmacTexts } from '../../domain/publish/hmac-text.ts';
import type { DiagnosisClaims } from '../../domain/publish/request.ts';
import { addSeconds } from '../../domain/windows.ts';
import type { App, AuthorityCache } from './authority-cache.ts';
import {
  activeKeys,
  authorityOf,
  certificateRefusal,
  verifyAudience,
  verifyBegun,
  verifyHmac,
  verifyNotEnded,
  verifyReportType,
  verifySignature,
  verifyTrust,
  type CertificateTimeSettings,
} from './certificate-checks.ts';
import type { PublishCommand } from './command.ts';
import { parseCompactJws } from './compact-jws.ts';

/** A certificate that holds. */
export interface VerifiedCertificate extends DiagnosisClaims {
  readonly authorityId: number;
  /** What was signed: the same whatever was done to the signature. */
  readonly signingInput: string;
  /** Positions of the request's keys, in the order of the HMAC. */
  readonly keyOrder: readonly number[];
  /** The keys with all four fields, in that order. */
  readonly keysText: string;
  /** From here on it is refused, leeway included. */
  readonly refusedFrom: Date;
}

/** What certificates are checked against. */
export interface CertificateContext {
  readonly authorities: AuthorityCache;
  readonly settings: CertificateTimeSettings;
  readonly now: Date;
}

/**
 * Checks everything in the reference's order.
 * @throws AppError unauthenticated `health_authority_verification_certificate_invalid`, naming the first fault;
 *   forbidden `on_hold`; unavailable when the authority cannot be loaded
 */
export async function verifyCertificate(
  command: Pick<PublishCommand, 'certificate' | 'hmacKey' | 'keys'>,
  app: App,
  context: CertificateContext,
): Promise<VerifiedCertificate> {
  const { jws, fault } = parseCompactJws(command.certificate);
  if (jws === undefined) throw certificateRefusal(fault);
  const { claims } = jws;
  const { settings, now } = context;
  const authority = await authorityOf(claims, context.authorities);
  verifyAudience(claims, authority);
  const keys = activeKeys(authority, jws.kid, now);
  verifyBegun(claims, settings, now);
  verifySignature(jws, keys);
  verifyNotEnded(claims, settings, now);
  verifyTrust(app, authority);
  const reportType = verifyReportType(claims);
  const keyOrder = hmacOrder(command.keys);
  const [keysText = '', ...otherTexts] = hmacTexts(command.keys, keyOrder);
  verifyHmac(claims, command, [keysText, ...otherTexts]);
  const { exp = 0 } = claims;
  return {
    keyOrder,
    keysText,
    authorityId: authority.id,
    reportType,
    symptomOnsetInterval: claims.symptomOnsetInterval,
    signingInput: jws.signingInput,
    refusedFrom: addSeconds(new Date(exp * 1000), settings.certificateLeewaySeconds + 1),
  };
}
