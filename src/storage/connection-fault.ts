/** Why a database cannot be opened or brought up to date, with the cure, for the operator who starts or migrates. */
import pg from 'pg';
import { AppError } from '../domain/errors.ts';
import { hasCode } from '../platform/system-error.ts';
import { databaseError } from './database.ts';

/** By SQLSTATE or its class (PostgreSQL, appendix A), what only the operator can cure. */
const faults: readonly (readonly [RegExp, string])[] = [
  [/^3D/, 'the database that ENMESH_DATABASE_URL names does not exist; create it, or correct the name'],
  [/^28/, 'the database refuses user or password; correct them in ENMESH_DATABASE_URL, or what pg_hba.conf allows'],
  [/^42501/, 'the user of ENMESH_DATABASE_URL may not change the schema; make it the owner of the database'],
];

/**
 * What {@link databaseError} makes of an error, but for those whose cure is known: their text names it, and neither host
 * nor user nor SQL.
 */
export function connectionFault(error: unknown): unknown {
  const sqlState = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  const known = faults.find(([pattern]) => pattern.test(sqlState))?.[1];
  if (known !== undefined) return new AppError('unavailable', 'unavailable', known, { cause: error });
  if (!hasCode(error, 'ECONNREFUSED', 'ENOTFOUND')) return databaseError(error);
  const text = 'the database does not answer; start PostgreSQL, or correct host and port in ENMESH_DATABASE_URL';
  return new AppError('unavailable', 'unavailable', text, { cause: error });
}
