/** Certificates written byte by byte, so that a test may make what no issuer would. */
import { createHmac, sign, type KeyObject } from 'node:crypto';
import { hmacText, makeKeys, type PhoneKey, type PublishBody } from '../../support/phone.ts';
import type { Authority } from '../../support/authority.ts';

/** Makes a signature over the signing input. */
export type Signer = (input: string) => Buffer;

/** ES256 as a JWS has it. */
export function es256(privateKey: KeyObject): Signer {
  return (input) => sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
}

/** What a test may write itself. */
export interface RawParts {
  /** JSON text, or not; ES256 and the authority's `kid` when not given. */
  readonly header?: string;
  /** JSON text made of the usual claims. */
  readonly claims?: (usual: Record<string, unknown>) => string;
  readonly signer?: Signer;
  readonly keys?: PhoneKey[];
}

/** A publish of an authority's phone whose certificate is made of the given parts. */
export function rawBody(authority: Authority, now: Date, parts: RawParts = {}): PublishBody {
  const { phone, privateKey } = authority;
  const keys = parts.keys ?? makeKeys(now, 1);
  const hmacKey = Buffer.from('a secret of sixteen');
  const iat = Math.floor(now.getTime() / 1000);
  const usual = {
    iss: phone.issuer,
    aud: phone.audience,
    iat,
    exp: iat + 900,
    reportType: 'confirmed',
    tekmac: createHmac('sha256', hmacKey).update(hmacText(keys)).digest('base64'),
  };
  const header = parts.header ?? JSON.stringify({ alg: 'ES256', kid: phone.kid });
  const claims = parts.claims?.(usual) ?? JSON.stringify(usual);
  const input = `${segment(header)}.${segment(claims)}`;
  const signature = (parts.signer ?? es256(privateKey))(input);
  return {
    healthAuthorityID: phone.appId,
    temporaryExposureKeys: keys,
    verificationPayload: `${input}.${signature.toString('base64url')}`,
    hmacKey: hmacKey.toString('base64'),
  };
}

/** Text → base64url. */
export function segment(text: string): string {
  return Buffer.from(text).toString('base64url');
}
