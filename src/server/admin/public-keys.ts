/** Whether PEM texts are what a configuration says they are. */
import { createPublicKey, X509Certificate } from 'node:crypto';

/** True for an SPKI PEM of an ECDSA key on P-256, the only curve that certificates and export files use. */
export function isP256PublicKey(pem: string): boolean {
  try {
    const key = createPublicKey({ key: pem, format: 'pem', type: 'spki' });
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

/** True for a readable X.509 certificate. */
export function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
