/** Paths of `/openapi.json` for what anybody may read: published files, health, and the document itself. */
import { wellKnownPaths } from '../../domain/federation/well-known.ts';
import { cacheControl } from '../exports/cache-control.ts';
import { exportsPrefix } from '../exports/object-path.ts';
import { wellKnownCacheControl } from '../identity/handle.ts';
import { header, reference, type Part } from './part.ts';

const text = { type: 'string' };
const plain = { 'text/plain': { schema: text } };
const etag = header('Strong validator.', text);
const noStore = header('Never cached.', { const: 'no-store' });

const parameter = (name: string, description: string): Part => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: text,
});
const asked = (name: string, description: string): Part => ({ name, in: 'header', description, schema: text });

const filenameRoot = parameter('filenameRoot', 'Of the export; its slashes, if it has any, are written as they are.');
const fileName = parameter('file', 'As a line of the index ends, without `.zip`.');
const ifNoneMatch = asked('If-None-Match', 'Validators of what is there already.');

const failures = {
  403: { description: 'The export is on hold.', headers: { 'cache-control': noStore }, content: plain },
  404: { description: 'There is nothing of that name.', headers: { 'cache-control': noStore }, content: plain },
  500: { description: 'A fault of ours.', headers: { 'cache-control': noStore }, content: plain },
  503: {
    description: 'A role does not answer.',
    headers: { 'cache-control': noStore, 'retry-after': header('Seconds to wait.', { type: 'integer' }) },
    content: plain,
  },
};

/** What a GET, and a HEAD, is. */
interface Readable {
  readonly id: string;
  readonly summary: string;
  readonly parameters?: readonly Part[];
  readonly responses: Readonly<Record<number, Response>>;
}

/** One of its answers. */
interface Response {
  readonly description: string;
  readonly headers: Part;
  readonly content?: Part;
}

/** All of them. */
export function filePaths(): Part {
  return {
    [`${exportsPrefix}{filenameRoot}/index.txt`]: readable({
      id: 'readIndex',
      summary:
        'The files of an export, oldest first, a line each; appended to the base URL, a line is the URL of a file.',
      parameters: [filenameRoot, ifNoneMatch],
      responses: { ...varying(cached(cacheControl.index, plain)), ...failures },
    }),
    [`${exportsPrefix}{filenameRoot}/{file}.zip`]: readable({
      id: 'readFile',
      summary: 'A signed file of keys: `export.bin` and `export.sig`. It never changes.',
      parameters: [filenameRoot, fileName, ifNoneMatch, asked('Range', 'One range of bytes.')],
      responses: { ...zipResponses(), ...failures },
    }),
    [`${exportsPrefix}{filenameRoot}/keys.json`]: readable({
      id: 'readVerificationKeys',
      summary: 'The public keys that verify the files of an export.',
      parameters: [filenameRoot, ifNoneMatch],
      responses: {
        ...varying(cached(cacheControl.keys, { 'application/json': { schema: reference('VerificationKeys') } })),
        ...failures,
      },
    }),
    ...healthPaths(),
  };
}

/** What our issuer publishes of itself. */
export function issuerPaths(): Part {
  const { 404: absent, 503: unavailable } = failures;
  const notOurs = { ...absent, description: 'The issuer of our tokens is not ours.' };
  const document = (id: string, summary: string, type: string): Part => {
    const headers = { 'cache-control': header('How long it may be kept.', { const: wellKnownCacheControl }) };
    const whole = { description: 'All of it.', headers, content: { [type]: { schema: { type: 'object' } } } };
    return readable({ id, summary, responses: { 200: whole, 404: notOurs, 503: unavailable } });
  };
  return {
    [wellKnownPaths.configuration]: document(
      'readIssuer',
      'Who signs our ID tokens (OpenID Connect Discovery).',
      'application/json',
    ),
    [wellKnownPaths.jwks]: document('readIssuerKeys', 'The keys that verify them.', 'application/jwk-set+json'),
  };
}

/** The document's own entry. */
export function documentPath(path: string, cacheControl: string): Part {
  const responses = cached(cacheControl, { 'application/json': { schema: { type: 'object' } } });
  return {
    [path]: readable({ id: 'readOpenApi', summary: 'This document.', parameters: [ifNoneMatch], responses }),
  };
}

function cached(cacheControl: string, content: Part): Record<200 | 304, Response> {
  const headers = { etag, 'cache-control': header('How long it may be kept.', { const: cacheControl }) };
  return {
    200: { description: 'All of it.', headers, content },
    304: { description: 'It is as the client has it.', headers },
  };
}

/** Compressed for who can read it. */
function varying(responses: Record<200 | 304, Response>): Record<200 | 304, Response> {
  const vary = header('Compressed by gzip or brotli where the client takes it, with a validator of its own.', {
    const: 'Accept-Encoding',
  });
  const withVary = (response: Response): Response => ({ ...response, headers: { ...response.headers, vary } });
  return { 200: withVary(responses[200]), 304: withVary(responses[304]) };
}

function zipResponses(): Record<200 | 206 | 304 | 416, Response> {
  const whole = cached(cacheControl.file, { 'application/zip': {} });
  const contentRange = header('Which bytes of how many.', text);
  return {
    ...whole,
    206: {
      ...whole[200],
      description: 'The bytes that were asked for.',
      headers: { etag, 'content-range': contentRange },
    },
    416: { description: 'The file has no such bytes.', headers: { 'content-range': contentRange } },
  };
}

function healthPaths(): Part {
  const health = { 'application/json': { schema: reference('Health') } };
  const ok = { description: 'It does.', headers: { 'cache-control': noStore }, content: health };
  const not = { description: 'It does not.', headers: { 'cache-control': noStore }, content: health };
  return {
    '/healthz': { get: { operationId: 'isAlive', summary: 'Whether this process answers.', responses: { 200: ok } } },
    '/health': {
      get: { operationId: 'isReady', summary: 'Whether a publish finds its way.', responses: { 200: ok, 503: not } },
    },
  };
}

function readable({ id, summary, parameters = [], responses }: Readable): Part {
  const withoutContent = Object.entries(responses).map(([status, { description, headers }]) => [
    status,
    { description, headers },
  ]);
  return {
    get: { operationId: id, summary, parameters, responses },
    head: {
      operationId: `${id}Head`,
      summary: `${summary} Headers only.`,
      parameters,
      responses: Object.fromEntries(withoutContent) as Part,
    },
  };
}
