/** The story has gone another way than it must. */
import { AppError } from '../../domain/errors.ts';

/** @returns AppError `demo_failed` */
export function failed(what: string, details: readonly string[] = []): AppError {
  return new AppError('internal', 'demo_failed', what, { details });
}
