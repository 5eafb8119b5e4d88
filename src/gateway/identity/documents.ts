/** What our issuer publishes of itself: OpenID Connect Discovery 1.0 and its keys (RFC 7517). */
import { createPublicKey } from 'node:crypto';
import { identityKeyId } from '../../domain/federation/identity-key-id.ts';
import { wellKnownUrl, type WellKnownDocument } from '../../domain/federation/well-known.ts';
import type { PublishedIdentity } from './wire.ts';

/** Both, as JSON. */
export function renderDocuments({ issuer, keys }: PublishedIdentity): Readonly<Record<WellKnownDocument, string>> {
  return {
    configuration: JSON.stringify({
      issuer,
      jwks_uri: wellKnownUrl(issuer, 'jwks'),
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    }),
    jwks: JSON.stringify({
      keys: keys.map(({ version, publicKeyPem }) => {
        const { kty, crv, x, y } = createPublicKey(publicKeyPem).export({ format: 'jwk' });
        return { kty, crv, x, y, kid: identityKeyId({ version, publicKeyPem }), alg: 'ES256', use: 'sig' };
      }),
    }),
  };
}
