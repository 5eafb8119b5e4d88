/** Values of jsonb columns. */

/** JSON text, or null for SQL's null: without it the driver would write an object's JSON null. */
export function toJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}
