/** The certificate that a health authority's verification server gives a phone after it proved its diagnosis. */
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';

/** Diagnoses that a certificate can name. */
export const reportTypes = ['confirmed', 'likely', 'negative', 'user-report'] as const;

/** One of {@link reportTypes}. */
export type ReportType = (typeof reportTypes)[number];

/** What a certificate says. */
export interface CertificateClaims {
  readonly issuer: string;
  readonly audience: string;
  readonly reportType: ReportType;
  /** HMAC of the keys, base64. */
  readonly tekmac: string;
  /** First interval of the day of symptom onset. */
  readonly symptomOnsetInterval?: number;
}

/** How long a certificate is good for. */
const lifetimeSeconds = 15 * 60;

/**
 * Signs a certificate with ES256.
 * @param signer the authority's key and its `kid`
 * @param now the certificate is issued then
 */
export function signCertificate(
  claims: CertificateClaims,
  signer: { readonly kid: string; readonly privateKey: KeyObject },
  now: Date,
): string {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const header = { alg: 'ES256', kid: signer.kid, typ: 'JWT' };
  const payload = {
    iss: claims.issuer,
    aud: claims.audience,
    iat: issuedAt,
    exp: issuedAt + lifetimeSeconds,
    reportType: claims.reportType,
    ...(claims.symptomOnsetInterval === undefined ? {} : { symptomOnsetInterval: claims.symptomOnsetInterval }),
    tekmac: claims.tekmac,
  };
  const signed = `${base64url(header)}.${base64url(payload)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: signer.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/**
 * Reads a P-256 private key.
 * @throws AppError `invalid_configuration` when the text is none
 */
export function readPrivateKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Told below: the reason that OpenSSL gives helps nobody.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new AppError(
      'invalid',
      'invalid_configuration',
      "the phone's privateKeyFile is not a P-256 private key in PEM",
    );
  }
  return key;
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
