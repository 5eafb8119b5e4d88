/** Takes a compact JWS apart and checks what can be checked without a key (reference 3.1, 3.2). */
import { decodeBase64Url } from '../../domain/publish/base64.ts';
import { parseClaims, type CertificateClaims } from './certificate-claims.ts';

/** A certificate whose signature is not checked yet. */
export interface CompactJws {
  /** Header and payload as signed. */
  readonly signingInput: string;
  readonly signature: Buffer;
  /** Undefined when the header's `kid` is no string: then it matches no key. */
  readonly kid: string | undefined;
  readonly claims: CertificateClaims;
}

/** What came out: the parts, or why there are none. */
export type ParsedJws =
  { readonly jws: CompactJws; readonly fault?: never } | { readonly jws?: never; readonly fault: string };

const algorithms = new Set([
  'none',
  ...['HS', 'RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((size) => family + size)),
]);

const missingKidOfCertificate = "missing required header field, 'kid' indicating key id";

/**
 * Splits, decodes, and refuses every algorithm but ES256.
 * @param missingKid what a header without `kid` is refused with
 */
export function parseCompactJws(text: string, missingKid = missingKidOfCertificate): ParsedJws {
  const [headerText, payloadText, signatureText, ...rest] = text.split('.', 4);
  if (headerText === undefined || payloadText === undefined || signatureText === undefined || rest.length > 0) {
    return { fault: 'token contains an invalid number of segments' };
  }
  if (/^bearer /i.test(text)) return { fault: "tokenstring should not contain 'bearer '" };
  const header = decodeHeader(headerText);
  if (typeof header === 'string') return { fault: header };
  const payload = decodeBase64Url(payloadText);
  if (payload.bytes === undefined) return { fault: payload.fault };
  const { claims, fault } = parseClaims(payload.bytes);
  if (claims === undefined) return { fault };
  const headerFault = faultOfHeader(header, missingKid);
  if (headerFault !== undefined) return { fault: headerFault };
  const signature = decodeBase64Url(signatureText);
  const { kid } = header;
  return {
    jws: {
      signingInput: `${headerText}.${payloadText}`,
      // An undecodable signature is a wrong one.
      signature: signature.bytes ?? Buffer.alloc(0),
      kid: typeof kid === 'string' ? kid : undefined,
      claims,
    },
  };
}

type JsonObject = Record<string, unknown>;

function decodeHeader(segment: string): JsonObject | string {
  const { bytes, fault } = decodeBase64Url(segment);
  if (bytes === undefined) return fault;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Named below, like every other thing that is no object.
  }
  return 'header must be a JSON object';
}

function faultOfHeader({ alg, kid }: JsonObject, missingKid: string): string | undefined {
  if (typeof alg !== 'string') return 'signing method (alg) is unspecified.';
  if (!algorithms.has(alg)) return 'signing method (alg) is unavailable.';
  if (alg !== 'ES256') return 'unsupported signing method, must be ES256';
  return kid === undefined ? missingKid : undefined;
}
