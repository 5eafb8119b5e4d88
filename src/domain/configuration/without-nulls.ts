/** Domain values as messages say them: what is null is left out. */

/** The same shape with optional fields instead of nulls. */
export type WithoutNulls<T> = T extends Date
  ? T
  : T extends readonly (infer Item)[]
    ? WithoutNulls<Item>[]
    : T extends object
      ? { -readonly [Field in keyof T as null extends T[Field] ? never : Field]: WithoutNulls<T[Field]> } & {
          -readonly [Field in keyof T as null extends T[Field] ? Field : never]?: WithoutNulls<NonNullable<T[Field]>>;
        }
      : T;

/** A copy without the fields that are null. */
export function withoutNulls<T>(value: T): WithoutNulls<T> {
  return copy(value) as WithoutNulls<T>;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(copy);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, field]) => (field === null ? [] : [[name, copy(field)] as const])),
  );
}
