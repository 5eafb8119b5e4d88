/** A phone with its health authority, whose public key is known as a JWK. */
import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { makePhone, type Phone } from '../support/phone.ts';

/** Makes new keys. */
export function makeAuthorityPhone(): Phone & { readonly publicJwk: JsonWebKey } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const identity = { issuer: 'https://verify.example.org', audience: 'test', kid: 'v1', appId: 'org.example.health' };
  return { ...makePhone({ ...identity, privateKey }), publicJwk: publicKey.export({ format: 'jwk' }) };
}
