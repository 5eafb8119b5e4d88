/** `/openapi.json`, and what is read without asking the server role. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePublishBody, DecodeFailure } from '../../../src/domain/publish-body/decode.ts';
import { decodeV1Alpha1Body } from '../../../src/domain/publish-body/decode-v1alpha1.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { checkOf } from '../../support/json-schema.ts';
import { ask, openGateway, type TestGateway } from '../support/gateway.ts';
import { documentOf, expectDescribed, operationOf, type Document } from './described.ts';

const zip = Buffer.from('a file of ten thousand keys');
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKeyPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const key = { keyId: '310', keyVersion: 'v1', publicKeyPem, from: new Date(0) };

const day = {
  day: new Date('2026-03-15T00:00:00Z'),
  publishRequests: { unknown: 1n, android: 2n, ios: 3n },
  totalTeksPublished: 4n,
  requestsWithRevisions: 5n,
  tekAgeDistribution: Array.from({ length: 16 }, () => 6n),
  onsetToUploadDistribution: Array.from({ length: 30 }, () => 7n),
  requestsMissingOnsetDate: 8n,
};

/** Roots with names of what goes wrong with them. */
function checkRoot(filenameRoot: string): void {
  if (filenameRoot === 'held') throw new AppError('forbidden', 'on_hold', 'on hold');
  if (filenameRoot === 'broken') throw new AppError('internal', 'internal_error', 'broken');
  if (filenameRoot === 'away') throw new AppError('unavailable', 'unavailable', 'away');
  if (filenameRoot !== 'aa') throw new AppError('not_found', 'export_not_found', 'no such export');
}

describe('/openapi.json', () => {
  let gateway: TestGateway;
  let document: Document;

  beforeAll(async () => {
    gateway = await openGateway({
      settings: { hasV1Alpha1: true },
      exports: {
        getIndex: ({ filenameRoot }) => {
          checkRoot(filenameRoot);
          return Promise.resolve({ content: Buffer.from('aa/1-2-00001.zip'), etag: 'index' });
        },
        getPublicKeys: ({ filenameRoot }) => {
          checkRoot(filenameRoot);
          return Promise.resolve({ keys: [key, { ...key, from: undefined, thru: new Date(1) }] });
        },
        async *getFile({ filenameRoot, offset, length }) {
          checkRoot(filenameRoot);
          yield await Promise.resolve({
            part: { $case: 'header' as const, value: { size: BigInt(zip.length), etag: 'file' } },
          });
          const end = length === 0n ? zip.length : Number(offset + length);
          yield { part: { $case: 'chunk', value: zip.subarray(Number(offset), end) } };
        },
      },
    });
    document = await documentOf(gateway);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('is kept for five minutes and by its validator', async () => {
    const { status, headers, body } = await ask(gateway, '/openapi.json');
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, max-age=300' });
    const etag = String(headers.etag);
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await ask(gateway, '/openapi.json', { headers: { 'if-none-match': etag } });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
    const head = await ask(gateway, '/openapi.json', { method: 'HEAD' });
    expect([head.status, head.headers['content-length']]).toEqual([200, String(body.length)]);
  });

  it('has the v1alpha1 publish only where it is switched on', async () => {
    await using without = await openGateway();
    expect(Object.keys(document.paths)).toContain('/');
    const { paths, components } = await documentOf(without);
    expect(Object.keys(paths)).not.toContain('/');
    expect(Object.keys(components.schemas).filter((name) => /V1Alpha1/.test(name))).toEqual([]);
  });

  it('names every path that is answered, and points to no schema that is missing', () => {
    expect(Object.keys(document.paths)).toEqual([
      '/v1/publish',
      '/',
      '/v1/stats',
      '/exports/{filenameRoot}/index.txt',
      '/exports/{filenameRoot}/{file}.zip',
      '/exports/{filenameRoot}/keys.json',
      '/healthz',
      '/health',
      '/.well-known/openid-configuration',
      '/.well-known/jwks.json',
      '/openapi.json',
    ]);
    const pointers = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)];
    expect(pointers.map(([, name]) => name).filter((name) => !(name! in document.components.schemas))).toEqual([]);
  });

  it.each([
    ['/v1/publish', decodePublishBody],
    ['/', decodeV1Alpha1Body],
    ['/v1/stats', undefined],
  ])('has examples that hold: %s', (path, decode) => {
    const { requestBody, responses } = operationOf(document, { path, method: 'post' });
    const { schemas } = document.components;
    const request = requestBody?.content['application/json'];
    const answer = responses['200']?.content?.['application/json'];
    expect(request?.schema).toBeDefined();
    expect(answer?.schema).toBeDefined();
    expect(checkOf(request?.schema ?? {}, schemas)(request?.example)).toBe(true);
    expect(checkOf(answer?.schema ?? {}, schemas)(answer?.example)).toBe(true);
    expect(decode?.(Buffer.from(JSON.stringify(request?.example)))).not.toBeInstanceOf(DecodeFailure);
  });

  it.each(['/v1/publish', '/', '/v1/stats'])('describes what its example is answered with: %s', async (path) => {
    await using full = await openGateway({
      settings: { hasV1Alpha1: true },
      publish: () => Promise.resolve({ revisionToken: 'AA==', insertedExposures: 3, warnings: ['<one>'] }),
      stats: () => Promise.resolve({ days: [day] }),
    });
    const { requestBody } = operationOf(document, { path, method: 'post' });
    const body = JSON.stringify(requestBody?.content['application/json']?.example);
    const headers = { 'content-type': 'application/json', authorization: 'Bearer a.b.c' };
    const answer = await ask(full, path, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    expectDescribed(document, { path, method: 'post' }, answer);
  });

  const index = '/exports/{filenameRoot}/index.txt';
  const keys = '/exports/{filenameRoot}/keys.json';
  const file = '/exports/{filenameRoot}/{file}.zip';

  it.each([
    [index, '/exports/aa/index.txt', {}, 200],
    [index, '/exports/aa/index.txt', { 'if-none-match': '"index"' }, 304],
    [index, '/exports/bb/index.txt', {}, 404],
    [index, '/exports/held/index.txt', {}, 403],
    [index, '/exports/broken/index.txt', {}, 500],
    [index, '/exports/away/index.txt', {}, 503],
    [keys, '/exports/aa/keys.json', {}, 200],
    [keys, '/exports/aa/keys.json', { 'if-none-match': '*' }, 304],
    [keys, '/exports/bb/keys.json', {}, 404],
    [file, '/exports/aa/1-2-00001.zip', {}, 200],
    [file, '/exports/aa/1-2-00002.zip', { range: 'bytes=2-5' }, 206],
    [file, '/exports/aa/1-2-00003.zip', { 'if-none-match': '"file"' }, 304],
    [file, '/exports/aa/1-2-00004.zip', { range: 'bytes=999-' }, 416],
    [file, '/exports/bb/1-2-00001.zip', {}, 404],
    [file, '/exports/held/1-2-00001.zip', {}, 403],
    ['/healthz', '/healthz', {}, 200],
    ['/health', '/health', {}, 200],
    ['/openapi.json', '/openapi.json', {}, 200],
    ['/openapi.json', '/openapi.json', { 'if-none-match': '*' }, 304],
  ])('describes GET %s as %s is answered (%j → %s)', async (path, url, headers, status) => {
    const answer = await ask(gateway, url, { headers });
    expect(answer.status).toBe(status);
    expectDescribed(document, { path, method: 'get' }, answer);
  });

  it.each([
    [index, '/exports/aa/index.txt', 200],
    [keys, '/exports/aa/keys.json', 200],
    [file, '/exports/aa/1-2-00005.zip', 200],
    ['/openapi.json', '/openapi.json', 200],
  ])('describes HEAD %s as %s is answered', async (path, url, status) => {
    const answer = await ask(gateway, url, { method: 'HEAD' });
    expect(answer.status).toBe(status);
    expectDescribed(document, { path, method: 'head' }, answer);
  });

  it('describes the answer of a gateway that no publish gets through', async () => {
    await using alone = await openGateway({ isReady: () => Promise.resolve(false) });
    const answer = await ask(alone, '/health');
    expect(answer.status).toBe(503);
    expectDescribed(document, { path: '/health', method: 'get' }, answer);
  });
});
