/** The one table from kinds of errors to HTTP statuses. */
import type { ErrorKind } from './errors.ts';

/** Kind → status. */
export const httpStatus: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  precondition: 400,
  exhausted: 429,
  timeout: 504,
  unavailable: 503,
  internal: 500,
};
