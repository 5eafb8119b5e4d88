/** Whether PEM texts are what a configuration says they are. */
import { createPublicKey } from 'node:crypto';
import { parseCertificate } from '../attestation/certificate.ts';

/** True for an SPKI PEM of an ECDSA key on P-256, the only curve that certificates and export files use. */
export function isP256PublicKey(pem: string): boolean {
  try {
    const key = createPublicKey({ key: pem, format: 'pem', type: 'spki' });
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

/** True for the certificate of an authority whose chains {@link parseCertificate} can read. */
export function isAuthorityCertificate(pem: string): boolean {
  return parseCertificate(pem)?.isAuthority === true;
}
