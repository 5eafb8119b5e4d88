/** The checks on a certificate, one function each, in the reference's order (reference 3.2); each throws when it fails. */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { decodeLenientBase64 } from '../../domain/publish/base64.ts';
import { isCertifiedReportType, type ReportType } from '../../domain/publish/report-type.ts';
import type { App, Authority, AuthorityCache, AuthorityKey } from './authority-cache.ts';
import { isSignedByOneOf, keysOf } from './authority-keys.ts';
import type { CertificateClaims } from './certificate-claims.ts';
import { isNotValidYet, timeFault, type CertificateTimeLimits } from './certificate-times.ts';
import type { PublishCommand } from './command.ts';
import type { CompactJws } from './compact-jws.ts';
import { echo } from './echo.ts';
import type { PublishSettings } from './settings.ts';

/** How much time certificates are given. */
export type CertificateTimeSettings = Pick<
  PublishSettings,
  'certificateLeewaySeconds' | 'certificateMaxLifetimeSeconds'
>;

/** The refusal of a certificate, in the words that phones know. */
export function certificateRefusal(reason: string): AppError {
  return new AppError(
    'unauthenticated',
    'health_authority_verification_certificate_invalid',
    `unable to validate diagnosis verification: ${reason}`,
  );
}

/** Who issued it. */
export async function authorityOf({ iss }: CertificateClaims, authorities: AuthorityCache): Promise<Authority> {
  const authority = await authorities.authority(iss);
  if (!authority) throw certificateRefusal(`issuer not found: ${echo(iss)}`);
  return authority;
}

/** It was made for us. */
export function verifyAudience({ iss, aud }: CertificateClaims, authority: Authority): void {
  if (authority.audience === aud) return;
  throw certificateRefusal(`audience mismatch for issuer: ${echo(iss)} (+${echo(aud)}, -${authority.audience})`);
}

/** The authority's keys of that version that count now. */
export function activeKeys(authority: Authority, kid: string | undefined, now: Date): readonly AuthorityKey[] {
  const active = keysOf(authority, kid, now);
  if (active.length === 0) throw certificateRefusal('no active public keys for health authority');
  return active;
}

/** `iat` and `nbf` are not in the future; checked before the signature, as deployed. */
export function verifyBegun(claims: CertificateClaims, settings: CertificateTimeSettings, now: Date): void {
  if (isNotValidYet(claims, limitsOf(settings), now)) {
    throw certificateRefusal('not valid yet (NBF or IAT) in the future');
  }
}

/** One of the keys made the signature. */
export function verifySignature(jws: CompactJws, keys: readonly AuthorityKey[]): void {
  if (!isSignedByOneOf(keys, jws)) throw certificateRefusal('crypto/ecdsa: verification error');
}

/** It has the times that it needs, does not last too long, and has not expired. */
export function verifyNotEnded(claims: CertificateClaims, settings: CertificateTimeSettings, now: Date): void {
  const fault = timeFault(claims, limitsOf(settings), now);
  if (fault !== undefined) throw certificateRefusal(fault);
}

/** The app takes certificates of this authority. */
export function verifyTrust(app: App, authority: Authority): void {
  if (app.authorityIds.includes(authority.id)) return;
  throw certificateRefusal(`app ${app.appId} has not authorized health authority issuer: ${echo(authority.issuer)}`);
}

/** The report type is one that a certificate may carry. */
export function verifyReportType({ reportType }: CertificateClaims): ReportType {
  if (!isCertifiedReportType(reportType)) throw certificateRefusal(`invalid report type: "${echo(reportType)}"`);
  return reportType;
}

/** @param texts each may be what the HMAC was made of */
export function verifyHmac(
  claims: CertificateClaims,
  { hmacKey, keys }: Pick<PublishCommand, 'hmacKey' | 'keys'>,
  texts: readonly string[],
): void {
  const expected = decodeLenientBase64(claims.tekmac);
  if (expected.bytes === undefined) throw certificateRefusal(`error decoding HMAC from claims: ${expected.fault}`);
  const secret = decodeLenientBase64(hmacKey);
  if (secret.bytes === undefined) {
    throw certificateRefusal(`error decoding HMAC secret from publish request: ${secret.fault}`);
  }
  if (keys.length === 0) {
    throw certificateRefusal('calculating expected HMAC: cannot calculate hmac on empty exposure keys');
  }
  // As a key object: Node looks at raw bytes much longer to find out what they are.
  const hmacKeyObject = createSecretKey(secret.bytes);
  for (const text of texts) {
    const mac = createHmac('sha256', hmacKeyObject).update(text).digest();
    if (mac.length === expected.bytes.length && timingSafeEqual(mac, expected.bytes)) return;
  }
  // The misspelling is what deployed servers answer.
  throw certificateRefusal('HMAC mismatch, publish request does not match disgnosis verification certificate');
}

function limitsOf(settings: CertificateTimeSettings): CertificateTimeLimits {
  return {
    leewaySeconds: settings.certificateLeewaySeconds,
    maxLifetimeSeconds: settings.certificateMaxLifetimeSeconds,
  };
}
