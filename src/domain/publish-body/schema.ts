/** Declared members → the JSON Schema (2020-12) of what they are read from. */

/** A member's type; null always means absent. */
export interface MemberSchema {
  readonly type: readonly ('string' | 'boolean' | 'integer' | 'array' | 'null')[];
  readonly description?: string;
  readonly format?: 'int32' | 'int64';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: MemberSchema | ObjectSchema;
}

/** An object's type; members that it does not name are allowed, as the reader ignores them. */
export interface ObjectSchema {
  readonly type: 'object';
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, MemberSchema>>;
}

/** A member of which a schema is made. */
interface DescribedMember {
  readonly name: string;
  readonly schema: MemberSchema;
  readonly isNeeded: boolean;
}

/** The schema of an object, from what its reader is made of. */
export function schemaOf({ inOrder }: { readonly inOrder: readonly DescribedMember[] }): ObjectSchema {
  const needed = inOrder.filter(({ isNeeded }) => isNeeded).map(({ name }) => name);
  return {
    type: 'object',
    ...(needed.length > 0 ? { required: needed } : {}),
    properties: Object.fromEntries(inOrder.map(({ name, schema }) => [name, schema])),
  };
}
