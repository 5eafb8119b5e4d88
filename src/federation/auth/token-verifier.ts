/** Verifies ID tokens of other authorities' issuers: signature, issuer and times; who and for whom is the caller's to compare. */
import { createLocalJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Clock } from '../../platform/clock.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { audienceRefused, identityUnknown, tokenRefused } from './unverified-token.ts';

/** What a verified token says. */
export interface VerifiedClaims {
  readonly issuer: string;
  readonly subject: string;
  /** At least one. */
  readonly audiences: readonly string[];
  readonly nonce: string | undefined;
  /** Nothing that it proves holds any longer; with the leeway. */
  readonly expiresAt: Date;
}

/** Verifies. */
export interface TokenVerifier {
  /**
   * @param expected.issuer a configured partner's: nobody else is asked for keys
   * @throws AppError unauthenticated `token_invalid`, naming the claim, `identity_unknown` without a subject,
   *   `token_audience` without an audience; unavailable `issuer_unreachable`
   */
  verify(token: string, expected: { readonly issuer: string }): Promise<VerifiedClaims>;
}

/** Signatures of key pairs alone: with a secret, whoever verifies could sign, and `none` is no signature. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Clocks differ. */
const leewaySeconds = 60;
/** A token that lives longer is as good as a password. */
const mostLifeSeconds = 86_400;

/** Makes it. */
export function createTokenVerifier({
  keys,
  clock,
}: {
  readonly keys: Pick<IssuerKeys, 'of'>;
  readonly clock: Clock;
}): TokenVerifier {
  return {
    async verify(token, { issuer }) {
      const payload = await verifiedPayload(token, {
        issuer,
        now: clock.now(),
        keysFor: (kid) => keys.of(issuer, kid),
      });
      return toClaims(payload);
    },
  };
}

interface Verification {
  readonly issuer: string;
  readonly now: Date;
  keysFor(kid: string | undefined): ReturnType<IssuerKeys['of']>;
}

async function verifiedPayload(token: string, { issuer, now, keysFor }: Verification): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(
      token,
      async (header, input) => await createLocalJWKSet({ keys: [...(await keysFor(header.kid))] })(header, input),
      {
        algorithms,
        issuer,
        requiredClaims: ['iss', 'iat', 'exp'],
        maxTokenAge: mostLifeSeconds,
        clockTolerance: leewaySeconds,
        currentDate: now,
      },
    );
    return payload;
  } catch (error) {
    // jose throws a TypeError for a key that does not fit the algorithm.
    if (error instanceof errors.JOSEError || error instanceof TypeError) throw tokenRefused(reasonOf(error), error);
    throw error;
  }
}

/** Safe words: jose's own are about names of claims and algorithms, never about their values. */
function reasonOf(error: Error): string {
  if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) return error.message;
  if (error instanceof errors.JWKSNoMatchingKey) return "none of the issuer's keys has its kid and algorithm";
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is not of the key that it names';
  return 'it cannot be verified';
}

function toClaims({ iss, sub, aud, iat, exp, nonce }: JWTPayload): VerifiedClaims {
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '') throw identityUnknown();
  if (iat === undefined || exp === undefined || exp - iat > mostLifeSeconds) {
    throw tokenRefused('it lives longer than 24 h (iat, exp)');
  }
  const audiences = [aud ?? []].flat();
  if (audiences.length === 0 || !audiences.every((each) => typeof each === 'string' && each !== '')) {
    throw audienceRefused();
  }
  if (nonce !== undefined && typeof nonce !== 'string') throw tokenRefused('its nonce is no text');
  return { issuer: iss, subject: sub, audiences, nonce, expiresAt: new Date((exp + leewaySeconds) * 1000) };
}
