/** The pieces that an OpenAPI document is put together from. */

/** A part of an OpenAPI document. */
export type Part = Readonly<Record<string, unknown>>;

/** Points to a schema of the document. */
export function reference(name: string): Part {
  return { $ref: `#/components/schemas/${name}` };
}

/** A response header that is always there. */
export function header(description: string, schema: Part): Part {
  return { description, required: true, schema };
}
