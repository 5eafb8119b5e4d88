/** Checks values against the schemas of an OpenAPI document, with an implementation that is none of ours. */
import { z } from 'zod';

/** The schemas of a document, by name. */
export type Schemas = Readonly<Record<string, object>>;

/** Makes a check of a schema, which may point to `schemas`. */
export function checkOf(schema: object, schemas: Schemas = {}): (value: unknown) => boolean {
  const whole = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...moved(schema), $defs: moved(schemas) };
  const type = z.fromJSONSchema(whole as Parameters<typeof z.fromJSONSchema>[0]);
  return (value) => type.safeParse(value).success;
}

/** With pointers to where JSON Schema, and not OpenAPI, keeps schemas. */
function moved(part: object): object {
  return JSON.parse(JSON.stringify(part).replaceAll('#/components/schemas/', '#/$defs/')) as object;
}
