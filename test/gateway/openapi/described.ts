/** What `/openapi.json` says of an answer, and whether the answer keeps to it. */
import { expect } from 'vitest';
import { checkOf, type Schemas } from '../../support/json-schema.ts';
import { ask, type Answer } from '../support/gateway.ts';

interface Header {
  readonly required?: boolean;
  readonly schema: object;
}

interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<Record<string, { readonly schema?: object; readonly example?: unknown }>>;
}

interface Operation {
  readonly operationId: string;
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object; readonly example: unknown }>>;
  };
  readonly responses: Readonly<Record<string, Response>>;
}

/** The parts of the document that the tests look at. */
export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Schemas };
}

/** A route as the document names it. */
export interface Route {
  readonly path: string;
  readonly method: 'get' | 'head' | 'post';
}

/** The document as a gateway serves it. */
export async function documentOf(gateway: { readonly port: number }): Promise<Document> {
  return JSON.parse((await ask(gateway, '/openapi.json')).text) as Document;
}

/** The operation of a route. */
export function operationOf({ paths }: Document, { path, method }: Route): Operation {
  const operation = paths[path]?.[method];
  if (operation === undefined) throw new Error(`${method} ${path} is not in the document`);
  return operation;
}

/** Fails unless status, headers, content type and every member of the answer are as the document says. */
export function expectDescribed(document: Document, route: Route, answer: Answer): void {
  const response = operationOf(document, route).responses[String(answer.status)];
  expect(response, `${String(answer.status)} of ${route.path}`).toBeDefined();
  for (const [name, { schema }] of Object.entries(response?.headers ?? {})) {
    const sent = answer.headers[name];
    const value = 'type' in schema && schema.type === 'integer' ? Number(sent) : sent;
    expect([name, value, checkOf(schema)(value)]).toEqual([name, value, true]);
  }
  const content = response?.content;
  if (content === undefined) {
    expect(answer.body.length).toBe(0);
    return;
  }
  const [type = ''] = String(answer.headers['content-type']).split(';');
  expect(Object.keys(content)).toContain(type);
  if (type === 'application/json') expectJson(document, content[type]?.schema ?? {}, answer.text);
}

function expectJson({ components: { schemas } }: Document, schema: object, text: string): void {
  const value = JSON.parse(text) as Readonly<Record<string, unknown>>;
  expect([text, checkOf(schema, schemas)(value)]).toEqual([text, true]);
  const name = '$ref' in schema ? String(schema.$ref).split('/').at(-1) : undefined;
  const named = name === undefined ? undefined : schemas[name];
  if (named && 'properties' in named) {
    expect(Object.keys(named.properties as object)).toEqual(expect.arrayContaining(Object.keys(value)));
  }
}
