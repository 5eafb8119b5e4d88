/** What goes wrong with any key manager, in words that name neither its address nor what it answered. */
import { AppError } from '../../domain/errors.ts';

/** The manager does not answer, throttles, fails or answers nonsense: another try may help. */
export function managerUnavailable(cause?: unknown): AppError {
  const message = 'the key manager does not answer, or fails; see the log for the cause';
  return new AppError('unavailable', 'key_manager_unavailable', message, causedBy(cause));
}

/**
 * The manager knows us and refuses, or does not know us. Of the kind `unavailable`: a permission that comes back makes
 * everything work again, so nothing is given up for good.
 * @param cure what to allow, such as `allow kms:Sign on the key`
 */
export function managerDenied(cure: string, cause?: unknown): AppError {
  return new AppError('unavailable', 'key_manager_denied', `the key manager refuses: ${cure}`, causedBy(cause));
}

/** There is no such key, or no such version. */
export function keyNotFound(message: string, cause?: unknown): AppError {
  return new AppError('precondition', 'key_not_found', message, causedBy(cause));
}

/** The key is there, but not in a state or of a kind that can be used. */
export function keyUnusable(message: string, cause?: unknown): AppError {
  return new AppError('precondition', 'key_unusable', message, causedBy(cause));
}

/** A key that signs is asked to encrypt, or the other way round. */
export function wrongPurpose(name: string, actual: 'signing' | 'encryption'): AppError {
  const wanted = actual === 'signing' ? 'encryption' : 'signing';
  return new AppError('precondition', 'wrong_key_purpose', `the key ${name} is for ${actual}, not for ${wanted}`);
}

/** The manager has no such names. */
export function invalidKeyName(wanted: string): AppError {
  return new AppError('invalid', 'invalid_key_name', `a key's name is ${wanted}`);
}

/** A ciphertext that does not open, for good. */
export function undecryptable(cause?: unknown): AppError {
  const message = 'a ciphertext cannot be opened: it was made with another key, or for another purpose, or is damaged';
  return new AppError('internal', 'cannot_decrypt', message, causedBy(cause));
}

function causedBy(cause: unknown): { readonly cause?: unknown } {
  return cause === undefined ? {} : { cause };
}
