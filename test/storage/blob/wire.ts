/** How the providers' documented HTTP looks in the requests that decide. */
import type { Answer, SeenRequest } from './blob-server.ts';

/** What a request is for. */
export type Purpose = 'look' | 'begin' | 'write' | 'read' | 'list';

/** One provider's protocol. */
export interface Wire {
  /** For a server on that port. */
  environment(port: number): Record<string, string>;
  purpose(request: SeenRequest): Purpose;
  /** Of a write, as the provider names it: only where nothing is, and only over what has the etag `7`. */
  readonly absent: (request: SeenRequest) => unknown;
  readonly unchanged: (request: SeenRequest) => unknown;
  /** Content type and cache control of a write. */
  readonly described: (request: SeenRequest) => readonly unknown[];
  /** Something is there already: the answer to a conditional write. */
  readonly refusal: Answer;
  readonly written: Answer;
  /** Answer to a look at a blob of five bytes and etag `7`. */
  readonly found: Answer;
  /** The blob, or its beginning. */
  readonly content: (body: string) => Answer;
  /** A page of names, and how the next one is asked for. */
  readonly page: (names: readonly string[], next: string) => Answer;
  readonly asksNext: (request: SeenRequest) => string | null;
  /** Before a source is written, the provider wants to hear of it. */
  readonly begins: (port: number) => Answer;
  /** The store lacks the bucket. */
  readonly noBucket: Answer;
  /** Its refusal repeats what it was sent, as the real ones do. */
  readonly denied: (request: SeenRequest) => Answer;
}

/** What no log may hold. */
export const secrets = ['AKIAENMESHTEST', 'verysecretverysecret', 'c2VjcmV0c2VjcmV0'] as const;
const [accessKey, awsSecret, azureKey] = secrets;

const xml = { 'content-type': 'application/xml' };
const json = { 'content-type': 'application/json; charset=UTF-8' };
const query = ({ url }: SeenRequest): URLSearchParams => new URL(url, 'http://x').searchParams;

const s3: Wire = {
  environment: (port) => ({
    ENMESH_BLOB_STORE: 's3',
    ENMESH_S3_ENDPOINT: `http://127.0.0.1:${String(port)}`,
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: awsSecret,
  }),
  purpose: (request) => {
    if (request.method === 'HEAD') return 'look';
    if (request.method === 'PUT') return 'write';
    return query(request).has('list-type') ? 'list' : 'read';
  },
  absent: ({ headers }) => headers['if-none-match'] === '*' && headers['if-match'] === undefined,
  unchanged: ({ headers }) => headers['if-match'] === '"7"' && headers['if-none-match'] === undefined,
  described: ({ headers }) => [headers['content-type'], headers['cache-control']],
  refusal: { status: 412, headers: xml, body: '<Error><Code>PreconditionFailed</Code></Error>' },
  written: { status: 200, headers: { etag: '"8"' } },
  found: { status: 200, headers: { etag: '"7"', 'content-length': '5' } },
  content: (body) => ({ status: 200, headers: { etag: '"7"', 'content-length': '5' }, body }),
  page: (names, next) => ({
    status: 200,
    headers: xml,
    body: `<ListBucketResult>${names.map((name) => `<Contents><Key>${name}</Key></Contents>`).join('')}${
      next === '' ? '' : `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>`
    }</ListBucketResult>`,
  }),
  asksNext: (request) => query(request).get('continuation-token'),
  begins: () => 'cut',
  noBucket: { status: 404, headers: xml, body: '<Error><Code>NoSuchBucket</Code></Error>' },
  denied: ({ headers }) => ({
    status: 403,
    headers: xml,
    body: `<Error><Code>SignatureDoesNotMatch</Code><Message>${accessKey} ${headers.authorization ?? ''}</Message><AWSAccessKeyId>${accessKey}</AWSAccessKeyId></Error>`,
  }),
};

const azure: Wire = {
  environment: (port) => ({
    ENMESH_BLOB_STORE: 'azure',
    ENMESH_AZURE_STORAGE_ACCOUNT: 'enmesh',
    ENMESH_AZURE_STORAGE_KEY: azureKey,
    ENMESH_AZURE_STORAGE_ENDPOINT: `http://127.0.0.1:${String(port)}/enmesh`,
  }),
  purpose: (request) => {
    if (request.method === 'HEAD') return 'look';
    if (request.method === 'PUT') return 'write';
    return query(request).get('comp') === 'list' ? 'list' : 'read';
  },
  absent: ({ headers }) => headers['if-none-match'] === '*' && headers['if-match'] === undefined,
  unchanged: ({ headers }) => headers['if-match'] === '"7"' && headers['if-none-match'] === undefined,
  described: ({ headers }) => [headers['x-ms-blob-content-type'], headers['x-ms-blob-cache-control']],
  refusal: {
    status: 409,
    headers: { ...xml, 'x-ms-error-code': 'BlobAlreadyExists' },
    body: '<Error><Code>BlobAlreadyExists</Code></Error>',
  },
  written: { status: 201, headers: { etag: '"8"' } },
  found: { status: 200, headers: { etag: '"7"', 'content-length': '5' } },
  content: (body) => ({ status: 200, headers: { etag: '"7"', 'content-length': '5' }, body }),
  page: (names, next) => ({
    status: 200,
    headers: xml,
    body: `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="http://x/" ContainerName="exports"><Blobs>${names
      .map((name) => `<Blob><Name>${name}</Name><Properties><Etag>7</Etag></Properties></Blob>`)
      .join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`,
  }),
  asksNext: (request) => query(request).get('marker'),
  begins: () => 'cut',
  noBucket: {
    status: 404,
    headers: { ...xml, 'x-ms-error-code': 'ContainerNotFound' },
    body: '<Error><Code>ContainerNotFound</Code></Error>',
  },
  denied: ({ headers }) => ({
    status: 403,
    headers: { ...xml, 'x-ms-error-code': 'AuthenticationFailed' },
    body: `<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>${azureKey} ${headers.authorization ?? ''}</AuthenticationErrorDetail></Error>`,
  }),
};

/** CRC-32C of `bytes`, which Google's client compares. */
const object = JSON.stringify({ name: 'n', bucket: 'exports', generation: '7', size: '5', crc32c: '0G6ckg==' });

const gcs: Wire = {
  environment: (port) => ({ ENMESH_BLOB_STORE: 'gcs', ENMESH_GCS_ENDPOINT: `http://127.0.0.1:${String(port)}` }),
  purpose: (request) => {
    const { method, url } = request;
    if (method === 'POST' && query(request).get('uploadType') === 'resumable') return 'begin';
    if (method === 'POST' || method === 'PUT') return 'write';
    if (query(request).get('alt') === 'media') return 'read';
    return /\/o(\?|$)/.test(url) ? 'list' : 'look';
  },
  absent: (request) => query(request).get('ifGenerationMatch') === '0',
  unchanged: (request) => query(request).get('ifGenerationMatch') === '7',
  described: ({ body }) => {
    const [, metadata = '{}'] = /\r\n\r\n(\{.*?\})\r\n/.exec(body.toString()) ?? [];
    const { contentType, cacheControl } = JSON.parse(metadata) as Record<string, unknown>;
    return [contentType, cacheControl];
  },
  refusal: { status: 412, headers: json, body: '{"error":{"code":412,"errors":[{"reason":"conditionNotMet"}]}}' },
  written: { status: 200, headers: json, body: object },
  found: { status: 200, headers: json, body: object },
  content: (body) => ({ status: 200, headers: { 'x-goog-generation': '7', 'content-length': '5' }, body }),
  page: (names, next) => ({
    status: 200,
    headers: json,
    body: JSON.stringify({ items: names.map((name) => ({ name })), ...(next === '' ? {} : { nextPageToken: next }) }),
  }),
  asksNext: (request) => query(request).get('pageToken'),
  begins: (port) => ({ status: 200, headers: { location: `http://127.0.0.1:${String(port)}/session` } }),
  noBucket: { status: 404, headers: json, body: '{"error":{"code":404,"errors":[{"reason":"notFound"}]}}' },
  denied: ({ url }) => ({
    status: 403,
    headers: json,
    body: JSON.stringify({
      error: { code: 403, message: `${awsSecret} ${url}`, errors: [{ reason: 'forbidden', message: awsSecret }] },
    }),
  }),
};

/** As ENMESH_BLOB_STORE names them. */
export const wires: Readonly<Record<string, Wire>> = { s3, azure, gcs };
