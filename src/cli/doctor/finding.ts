/** What a check finds, and how a check that breaks is told. */
import { AppError } from '../../domain/errors.ts';

/** One line of the report. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  /** What was found: for a failed check the cause, for a skipped one what it waits for. */
  readonly message: string;
  /** What to do; empty where nothing is to be done. */
  readonly cure: string;
}

/** All is well. */
export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message, cure: '' };
}

/** Something is wrong. */
export function failed(check: string, message: string, cure: string): Finding {
  return { check, status: 'failed', message, cure };
}

/** Cannot be told until another check passes. */
export function skipped(check: string, message: string): Finding {
  return { check, status: 'skipped', message, cure: '' };
}

/** Runs a check; an error becomes a failed finding with the given cure, or the one that is made for it. */
export async function attempt(
  check: string,
  cure: string | ((error: unknown) => string),
  work: () => Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return [await work()].flat();
  } catch (error) {
    return [failed(check, reason(error), typeof cure === 'string' ? cure : cure(error))];
  }
}

/** The operator looks at his own installation: private reasons are what he needs, unless they repeat what was said. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error instanceof AppError && error.cause instanceof Error ? innermost(error.cause) : '';
  return cause === '' || cause.includes(error.message) ? error.message : `${error.message} (${cause})`;
}

/** Node wraps refused connections to several addresses into an error without a message. */
function innermost(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  return inner instanceof Error ? innermost(inner) : error.message;
}
