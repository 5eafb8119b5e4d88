/** Verifies which health authority asks for its statistics (reference 7). */
import { AppError } from '../../domain/errors.ts';
import type { Authority, AuthorityCache } from '../publish/authority-cache.ts';
import { isSignedByOneOf, keysOf } from '../publish/authority-keys.ts';
import type { CertificateClaims } from '../publish/certificate-claims.ts';
import { goDuration, unixSeconds } from '../publish/certificate-times.ts';
import { parseCompactJws } from '../publish/compact-jws.ts';
import { echo } from '../publish/echo.ts';
import type { StatsSettings } from './settings.ts';

/** What tokens are checked against. */
export interface TokenContext {
  readonly authorities: AuthorityCache;
  readonly settings: Pick<StatsSettings, 'audience' | 'leewaySeconds'>;
  readonly now: Date;
}

/**
 * The health authority that signed the token.
 * @throws AppError unauthenticated `unauthorized`, naming the first fault; forbidden `on_hold`; unavailable when the
 *   authority cannot be loaded
 */
export async function verifyStatsToken(token: string, context: TokenContext): Promise<Authority> {
  const { authorities, settings, now } = context;
  const { jws, fault } = parseCompactJws(token, "missing 'kid' header in token");
  if (jws === undefined) throw refusal(fault);
  const { claims, kid } = jws;
  if (kid === undefined) throw refusal("invalid 'kid' field in token");
  const authority = await authorityOf(claims, authorities);
  const keys = keysOf(authority, kid, now);
  // The space at the end is what deployed servers answer.
  if (keys.length === 0) throw refusal(`key not found: kid: ${echo(kid)} iss: ${echo(claims.iss)} `);
  if (!isSignedByOneOf(keys, jws)) throw refusal('crypto/ecdsa: verification error');
  const timeFault = timeFaultOf(claims, settings.leewaySeconds, now);
  if (timeFault !== undefined) throw refusal(timeFault);
  if (claims.aud !== settings.audience) throw unauthorized('unauthorized, audience mismatch');
  // Phones hold certificates, signed with the same key; an authority may have given them the same audience.
  if (claims.tekmac !== '') throw refusal('a certificate is no token for statistics');
  return authority;
}

async function authorityOf({ iss }: CertificateClaims, authorities: AuthorityCache): Promise<Authority> {
  const authority = await authorities.authority(iss);
  if (!authority) throw refusal(`issuer not found: ${echo(iss)}`);
  if (!authority.readsStats) throw refusal('API access forbidden');
  return authority;
}

/**
 * What is wrong with the times; each counts only where it is given and not 0, since deployed clients need not send them:
 * a token opens nothing but sums, and ends with the authority's key.
 */
function timeFaultOf({ exp, iat, nbf }: CertificateClaims, leewaySeconds: number, now: Date): string | undefined {
  const seconds = unixSeconds(now);
  if (nbf && nbf > seconds + leewaySeconds) return 'token is not valid yet';
  if (iat && iat > seconds + leewaySeconds) return 'Token used before issued';
  return exp && seconds - exp > leewaySeconds ? `token is expired by ${goDuration(seconds - exp)}` : undefined;
}

function refusal(reason: string): AppError {
  return unauthorized(`unauthorized: ${reason}`);
}

function unauthorized(text: string): AppError {
  return new AppError('unauthenticated', 'unauthorized', text);
}
