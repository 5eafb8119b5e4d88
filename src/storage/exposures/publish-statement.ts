/** What all statements that write keys have in common. */
import { AppError } from '../../domain/errors.ts';
import type { Queryable } from '../database.ts';

/**
 * Runs a statement that tells whether it wrote.
 * @returns false when it did not; a lost race is as good as that, since the caller looks again
 */
export async function write(
  database: Queryable,
  query: { name: string; text: string; values: unknown[] },
): Promise<boolean> {
  try {
    const { rows } = await database.query<{ is_written: boolean }>(query);
    return rows[0]?.is_written === true;
  } catch (error) {
    if (isRace(error)) return false;
    throw error;
  }
}

/** Serialization failure (raised by revise_keys itself) or deadlock. */
function isRace(error: unknown): boolean {
  const cause: unknown = error instanceof AppError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && (cause.code === '40001' || cause.code === '40P01');
}

/** An array literal, made here because that is cheaper than the driver's own conversion. `null` is NULL. */
export function arrayOf(values: readonly (number | boolean | string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`;
}

/** An array of texts as PostgreSQL reads it from text. */
export function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** All writers lock keys in this order, so that none waits for another in a circle. */
export function byKey(a: { readonly key: Buffer }, b: { readonly key: Buffer }): number {
  return Buffer.compare(a.key, b.key);
}

/** `$1, $2 …`, or those after the first `after`. */
export function placeholders(count: number, after = 0): string {
  return Array.from({ length: count }, (_, index) => `$${String(after + index + 1)}`).join(', ');
}
