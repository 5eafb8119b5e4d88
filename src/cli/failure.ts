/** How an error ends a command: the text for a person, the code for a program. */
import { AppError } from '../domain/errors.ts';
import { ConfigurationError } from '../platform/config/load.ts';

/** Codes of errors that the person at the keyboard made, or that only another environment can cure. */
const usageCodes: ReadonlySet<string> = new Set([
  'invalid_configuration',
  'invalid_usage',
  'invalid_key_name',
  'insecure_address',
  'insecure_token',
  'bad_tls',
  'signing_key_missing',
]);

/** 2 for wrong usage or configuration, 1 for everything else. */
export function exitCodeOf(error: unknown): 1 | 2 {
  if (error instanceof ConfigurationError) return 2;
  return error instanceof AppError && usageCodes.has(error.code) ? 2 : 1;
}

/**
 * `enmesh: MESSAGE` and one indented line a detail.
 * @param withStack the stack and the private reasons too
 */
export function describeError(error: unknown, withStack: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const details = error instanceof AppError ? error.details : [];
  const lines = [`enmesh: ${message}`, ...details.map((detail) => `  ${detail}`)];
  if (withStack) lines.push(...stacks(error));
  return `${lines.join('\n')}\n`;
}

function stacks(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return [error.stack ?? error.message, ...stacks(error.cause)];
}
