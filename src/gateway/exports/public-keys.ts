/** `keys.json`: the keys that verify an export's files, for apps, partners and auditors. */
import { createHash, createPublicKey } from 'node:crypto';
import { quotedEtag } from './conditional.ts';
import type { SmallObject, VerificationKey } from './wire.ts';

/** Renders the document (interface, HTTP). */
export function renderPublicKeys(keys: readonly VerificationKey[]): SmallObject {
  const document = {
    keys: keys.map(({ keyId, keyVersion, publicKeyPem, from, thru }) => ({
      keyId,
      keyVersion,
      algorithm: 'ECDSA_P256_SHA256',
      publicKeyPem,
      jwk: createPublicKey(publicKeyPem).export({ format: 'jwk' }),
      from: from?.toISOString() ?? null,
      thru: thru?.toISOString() ?? null,
    })),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { bytes, etag: quotedEtag(createHash('sha256').update(bytes).digest('base64url')) };
}
