/** The token in a call's metadata, refused in the words of a deployed server (reference 5.2). */
import { AppError } from '../../domain/errors.ts';

const scheme = 'Bearer';

/**
 * @param value of the key `authorization`; several of them come joined by commas, which no token has
 * @throws AppError unauthenticated `token_missing`
 */
export function bearerToken(value: string | Uint8Array | undefined): string {
  if (value === undefined) throw refused('Missing authorization header [1]');
  if (typeof value === 'string' && value.includes(',')) throw refused('Multiple authorization headers');
  // No space is asked for, and the case matters, as the deployed server has it.
  if (typeof value !== 'string' || !value.startsWith(scheme)) throw refused('Invalid authorization header');
  return value.slice(scheme.length).trim();
}

function refused(words: string): AppError {
  return new AppError('unauthenticated', 'token_missing', words);
}
