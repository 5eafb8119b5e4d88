/** Verifies that a health authority vouches for exactly these keys (reference 3). */
import { createHmac, createSecretKey, timingSafeEqual, verify } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { decodeLenientBase64 } from '../../domain/publish/base64.ts';
import { hmacOrder, hmacTexts } from '../../domain/publish/hmac-text.ts';
import { isCertifiedReportType, type ReportType } from '../../domain/publish/report-type.ts';
import type { DiagnosisClaims } from '../../domain/publish/request.ts';
import { addSeconds } from '../../domain/windows.ts';
import type { App, Authority, AuthorityCache, AuthorityKey } from './authority-cache.ts';
import type { CertificateClaims } from './certificate-claims.ts';
import { isNotValidYet, timeFault } from './certificate-times.ts';
import type { PublishCommand } from './command.ts';
import { parseCompactJws, type CompactJws } from './compact-jws.ts';
import { derSignature } from './der-signature.ts';
import { echo } from './echo.ts';
import type { PublishSettings } from './settings.ts';

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
  readonly settings: Pick<PublishSettings, 'certificateLeewaySeconds' | 'certificateMaxLifetimeSeconds'>;
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
  if (jws === undefined) throw refusal(fault);
  const { claims } = jws;
  const authority = await authorityOf(claims, context.authorities);
  const keys = activeKeys(authority, jws.kid, context.now);
  verifySignatureAndTimes(jws, keys, context);
  if (!app.authorityIds.includes(authority.id)) {
    throw refusal(`app ${app.appId} has not authorized health authority issuer: ${echo(claims.iss)}`);
  }
  const reportType = reportTypeOf(claims);
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
    refusedFrom: addSeconds(new Date(exp * 1000), context.settings.certificateLeewaySeconds + 1),
  };
}

async function authorityOf({ iss, aud }: CertificateClaims, authorities: AuthorityCache): Promise<Authority> {
  const authority = await authorities.authority(iss);
  if (!authority) throw refusal(`issuer not found: ${echo(iss)}`);
  if (authority.audience !== aud) {
    throw refusal(`audience mismatch for issuer: ${echo(iss)} (+${echo(aud)}, -${authority.audience})`);
  }
  return authority;
}

function activeKeys(authority: Authority, kid: string | undefined, now: Date): readonly AuthorityKey[] {
  const active = authority.keys.filter(
    ({ version, validFrom, validThru }) =>
      version === kid && validFrom < now && (validThru === null || validThru > now),
  );
  if (active.length === 0) throw refusal('no active public keys for health authority');
  return active;
}

function verifySignatureAndTimes(jws: CompactJws, keys: readonly AuthorityKey[], context: CertificateContext): void {
  const limits = {
    leewaySeconds: context.settings.certificateLeewaySeconds,
    maxLifetimeSeconds: context.settings.certificateMaxLifetimeSeconds,
  };
  if (isNotValidYet(jws.claims, limits, context.now)) throw refusal('not valid yet (NBF or IAT) in the future');
  if (!keys.some(({ publicKey }) => isSignedBy(jws, publicKey))) throw refusal('crypto/ecdsa: verification error');
  const fault = timeFault(jws.claims, limits, context.now);
  if (fault !== undefined) throw refusal(fault);
}

function isSignedBy({ signingInput, signature }: CompactJws, publicKey: AuthorityKey['publicKey']): boolean {
  const der = derSignature(signature);
  return der !== undefined && verify('sha256', Buffer.from(signingInput), publicKey, der);
}

function reportTypeOf({ reportType }: CertificateClaims): ReportType {
  if (!isCertifiedReportType(reportType)) throw refusal(`invalid report type: "${echo(reportType)}"`);
  return reportType;
}

function verifyHmac(
  claims: CertificateClaims,
  { hmacKey, keys }: Pick<PublishCommand, 'hmacKey' | 'keys'>,
  texts: readonly string[],
): void {
  const expected = decodeLenientBase64(claims.tekmac);
  if (expected.bytes === undefined) throw refusal(`error decoding HMAC from claims: ${expected.fault}`);
  const secret = decodeLenientBase64(hmacKey);
  if (secret.bytes === undefined) throw refusal(`error decoding HMAC secret from publish request: ${secret.fault}`);
  if (keys.length === 0) throw refusal('calculating expected HMAC: cannot calculate hmac on empty exposure keys');
  // As a key object: Node looks at raw bytes much longer to find out what they are.
  const hmacKeyObject = createSecretKey(secret.bytes);
  for (const text of texts) {
    const mac = createHmac('sha256', hmacKeyObject).update(text).digest();
    if (mac.length === expected.bytes.length && timingSafeEqual(mac, expected.bytes)) return;
  }
  // The misspelling is what deployed servers answer.
  throw refusal('HMAC mismatch, publish request does not match disgnosis verification certificate');
}

function refusal(reason: string): AppError {
  return new AppError(
    'unauthenticated',
    'health_authority_verification_certificate_invalid',
    `unable to validate diagnosis verification: ${reason}`,
  );
}
