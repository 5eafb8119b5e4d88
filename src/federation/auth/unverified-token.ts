/** What a token says before anybody has verified it, good for finding out whom to ask for keys alone; and how one is refused. */
import { decodeJwt } from 'jose';
import { AppError } from '../../domain/errors.ts';

/** ID tokens have some hundred bytes to 2 KiB; Node takes at most 16 KiB of metadata. */
const mostCharacters = 8 * 1024;

/** The refusal of a token that is not what it should be; the reason is safe for its sender, who made it. */
export function tokenRefused(reason: string, cause?: unknown): AppError {
  return new AppError('unauthenticated', 'token_invalid', 'Invalid token', {
    cause,
    details: [`the token: ${reason}`],
  });
}

/** The refusal of a token of somebody whom we do not know, or who does not say who it is. */
export function identityUnknown(): AppError {
  return new AppError('unauthenticated', 'identity_unknown', 'Invalid issuer/subject');
}

/** The refusal of a token for somebody else, or for nobody. */
export function audienceRefused(): AppError {
  return new AppError('unauthenticated', 'token_audience', 'Invalid audience');
}

/**
 * The `iss` that it claims.
 * @throws AppError unauthenticated `token_invalid` for what is no JWT or has none
 */
export function claimedIssuer(token: string): string {
  if (token.length > mostCharacters) throw tokenRefused('it is longer than 8 KiB');
  const { iss } = claimsOf(token);
  if (typeof iss !== 'string' || iss === '' || iss.includes('\0')) throw tokenRefused('it has no issuer (iss)');
  return iss;
}

function claimsOf(token: string): { readonly iss?: unknown } {
  try {
    return decodeJwt(token);
  } catch (cause) {
    throw tokenRefused('it is no JWT', cause);
  }
}
