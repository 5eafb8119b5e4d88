import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { ExportServiceImplementation, GetFileRequest } from '../../../src/gen/enmesh/export/v1/export.ts';
import { ask, openGateway, RawConnection, testSettings, type TestGateway } from '../support/gateway.ts';

const zip = randomBytes(300_000);
const file = '1600000000-1600003600-00001.zip';
const unknownFile = '0-0-00001.zip';
const index = `v1/aa/${file}`;
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKeyPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();

function notFound(): AppError {
  return new AppError('not_found', 'not_found', 'internal text');
}

/** A name that no other test asks for. */
let names = 0;
function newFile(): string {
  return `${String(++names)}-${String(names + 3600)}-00001.zip`;
}

describe('published objects', () => {
  let gateway: TestGateway;
  let opened: GetFileRequest[] = [];
  let smallCalls = 0;
  let chunkBytes = 64 * 1024;

  beforeAll(async () => {
    gateway = await openGateway({
      settings: { fileCacheBytes: 4 * zip.length },
      exports: {
        getIndex: ({ filenameRoot }) => {
          smallCalls++;
          if (filenameRoot !== 'v1/aa') throw notFound();
          return Promise.resolve({ content: Buffer.from(index), etag: 'index-1' });
        },
        getPublicKeys: ({ filenameRoot }) => {
          smallCalls++;
          if (filenameRoot !== 'v1/aa') throw notFound();
          const from = new Date('2026-01-01T00:00:00Z');
          const key = { keyId: '310', keyVersion: 'v2', publicKeyPem, from };
          return Promise.resolve({
            keys: [key, { ...key, keyVersion: 'v1', thru: new Date('2026-02-01T00:00:00Z') }],
          });
        },
        async *getFile(request) {
          opened.push(request);
          if (request.filenameRoot !== 'v1/aa' || request.file === unknownFile) throw notFound();
          yield { part: { $case: 'header', value: { size: BigInt(zip.length), etag: 'file-1' } } };
          await turn();
          const from = Number(request.offset);
          const part = zip.subarray(from, request.length ? from + Number(request.length) : undefined);
          for (let at = 0; at < part.length; at += chunkBytes) {
            yield { part: { $case: 'chunk', value: part.subarray(at, at + chunkBytes) } };
          }
        },
      },
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    opened = [];
    smallCalls = 0;
    chunkBytes = 64 * 1024;
  });

  describe('the index', () => {
    it('is sent as it is, and never kept by caches', async () => {
      const { status, headers, text } = await ask(gateway, '/exports/v1/aa/index.txt?x=1');
      expect(status).toBe(200);
      expect(text).toBe(index);
      expect(headers).toMatchObject({
        'content-type': 'text/plain',
        'cache-control': 'no-cache, max-age=0',
        'content-length': String(index.length),
        'x-content-type-options': 'nosniff',
        etag: '"index-1"',
      });
    });

    it.each(['"index-1"', 'W/"index-1"', '"x", "index-1"', '*'])('is not sent again to who has %s', async (known) => {
      const { status, headers, text } = await ask(gateway, '/exports/v1/aa/index.txt', {
        headers: { 'if-none-match': known },
      });
      expect(status).toBe(304);
      expect(headers.etag).toBe('"index-1"');
      expect(text).toBe('');
    });

    it('is sent to who has another', async () => {
      const headers = { 'if-none-match': '"index-0"' };
      expect((await ask(gateway, '/exports/v1/aa/index.txt', { headers })).status).toBe(200);
    });

    it('answers HEAD with the same headers and no body', async () => {
      const get = await ask(gateway, '/exports/v1/aa/index.txt');
      const head = await ask(gateway, '/exports/v1/aa/index.txt', { method: 'HEAD' });
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
      expect(head.text).toBe('');
    });
  });

  describe('public keys', () => {
    it('come with their times, as PEM and as JWK', async () => {
      const { status, headers, text } = await ask(gateway, '/exports/v1/aa/keys.json');
      expect(status).toBe(200);
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, max-age=300' });
      const { keys } = JSON.parse(text) as { keys: Record<string, never>[] };
      expect(keys.map((key) => Object.keys(key))).toEqual(
        Array(2).fill(['keyId', 'keyVersion', 'algorithm', 'publicKeyPem', 'jwk', 'from', 'thru']),
      );
      expect(keys[0]).toMatchObject({
        keyId: '310',
        keyVersion: 'v2',
        algorithm: 'ECDSA_P256_SHA256',
        publicKeyPem,
        from: '2026-01-01T00:00:00.000Z',
        thru: null,
      });
      expect(keys[1]).toMatchObject({ keyVersion: 'v1', thru: '2026-02-01T00:00:00.000Z' });
      const fromJwk = createPublicKey({ key: keys[0]?.['jwk'] as never, format: 'jwk' });
      expect(fromJwk.equals(publicKey)).toBe(true);
    });

    it('are not sent again to who has them', async () => {
      const { headers } = await ask(gateway, '/exports/v1/aa/keys.json');
      const again = await ask(gateway, '/exports/v1/aa/keys.json', { headers: { 'if-none-match': headers.etag } });
      expect(again.status).toBe(304);
    });
  });

  describe.each([
    ['from the export role', newFile],
    ['out of memory', () => file],
  ])('a file %s', (_source, name) => {
    let path: string;

    beforeEach(async () => {
      path = `/exports/v1/aa/${name()}`;
      if (path.endsWith(file)) await ask(gateway, path);
      opened = [];
    });

    it('is sent whole', async () => {
      const { status, headers, body } = await ask(gateway, path);
      expect(status).toBe(200);
      expect(body.equals(zip)).toBe(true);
      expect(headers).toMatchObject({
        'content-type': 'application/zip',
        'content-length': String(zip.length),
        'cache-control': 'public, max-age=86400, immutable',
        'accept-ranges': 'bytes',
        'x-content-type-options': 'nosniff',
        etag: '"file-1"',
      });
    });

    it.each([
      ['bytes=0-0', 0, 1],
      ['bytes=100-199', 100, 200],
      [`bytes=${String(zip.length - 1)}-`, zip.length - 1, zip.length],
      ['bytes=0-999999999', 0, zip.length],
      ['bytes=-5', zip.length - 5, zip.length],
      ['bytes=-999999999', 0, zip.length],
      [`bytes=5-${'9'.repeat(30)}`, 5, zip.length],
      [`bytes=-${'9'.repeat(400)}`, 0, zip.length],
      ['BYTES=7-', 7, zip.length],
    ])('is sent in part: %s', async (range, from, to) => {
      const { status, headers, body } = await ask(gateway, path, { headers: { range } });
      expect(status).toBe(206);
      expect(headers['content-range']).toBe(`bytes ${String(from)}-${String(to - 1)}/${String(zip.length)}`);
      expect(headers['content-length']).toBe(String(to - from));
      expect(body.equals(zip.subarray(from, to))).toBe(true);
    });

    it.each([`bytes=${String(zip.length)}-`, 'bytes=-0', '  bytes=999999-1000000', `bytes=${'9'.repeat(400)}-`])(
      'has no %s',
      async (range) => {
        const { status, headers, text } = await ask(gateway, path, { headers: { range } });
        expect(status).toBe(416);
        expect(headers['content-range']).toBe(`bytes */${String(zip.length)}`);
        expect(text).toBe('');
      },
    );

    it.each(['bytes=0-1,3-4', 'bytes=5-2', 'bytes=-', 'bytes=a-b', 'lines=1-2', 'bytes'])(
      'is sent whole for a range that is none of ours: %s',
      async (range) => {
        expect((await ask(gateway, path, { headers: { range } })).status).toBe(200);
      },
    );

    it.each([
      ['"file-1"', 206],
      ['"file-0"', 200],
      ['W/"file-1"', 200],
      ['Wed, 21 Oct 2015 07:28:00 GMT', 200],
    ])('is sent in part if it is still %s: %i', async (known, status) => {
      const headers = { range: 'bytes=0-9', 'if-range': known };
      expect((await ask(gateway, path, { headers })).status).toBe(status);
    });

    it('is not sent again to who has it, in part or whole', async () => {
      for (const headers of [{}, { range: 'bytes=0-9' }]) {
        const answer = await ask(gateway, path, { headers: { ...headers, 'if-none-match': '"file-1"' } });
        expect(answer.status).toBe(304);
        expect(answer.headers['cache-control']).toBe('public, max-age=86400, immutable');
        expect(answer.headers).not.toHaveProperty('content-length');
      }
      const other = await ask(gateway, path, { headers: { 'if-none-match': '"file-0"' } });
      expect(other.body.equals(zip)).toBe(true);
    });

    it('answers HEAD with the headers of the whole', async () => {
      const head = await ask(gateway, path, { method: 'HEAD', headers: { range: 'bytes=0-9' } });
      const get = await ask(gateway, path);
      expect(head.status).toBe(200);
      expect(head.body).toHaveLength(0);
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
    });
  });

  it('a file is asked for once while it is remembered', async () => {
    const path = `/exports/v1/aa/${newFile()}`;
    await ask(gateway, path);
    expect((await ask(gateway, path)).body.equals(zip)).toBe(true);
    expect(opened).toHaveLength(1);
  });

  it('a file that many ask for at once is loaded once, and arrives everywhere', async () => {
    chunkBytes = 1000;
    const path = `/exports/v1/aa/${newFile()}`;
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(gateway, path)));
    expect(answers.every(({ body }) => body.equals(zip))).toBe(true);
    expect(opened).toHaveLength(1);
  });

  it('a file of which only a part or the state is wanted is not loaded for it', async () => {
    const path = `/exports/v1/aa/${newFile()}`;
    await ask(gateway, path, { method: 'HEAD' });
    await ask(gateway, path, { headers: { 'if-none-match': '"file-1"' } });
    await ask(gateway, path, { headers: { range: 'bytes=5-9' } });
    expect(opened.map(({ offset, length }) => [offset, length])).toEqual([
      [0n, 1n],
      [5n, 5n],
    ]);
  });

  it.each([
    '1600000000-1600003600-1.zip',
    'Keys_2021-05.zip',
    `1-2-00001-${'0'.repeat(12)}.zip`,
    `${'a'.repeat(200)}.zip`,
  ])('%s is asked for too, because a mirror keeps the names of other authorities', async (name) => {
    const { status, body } = await ask(gateway, `/exports/v1/aa/${name}`);
    expect(status).toBe(200);
    expect(body.equals(zip)).toBe(true);
  });

  it.each([
    `/exports/v1/aa/${unknownFile}`,
    `/exports/v1/bb/${file}`,
    '/exports/v1/bb/index.txt',
    '/exports/v1/bb/keys.json',
  ])('%s is not there, says the export role', async (path) => {
    const { status, headers, text } = await ask(gateway, path);
    expect([status, text, headers['cache-control']]).toEqual([404, '404 page not found\n', 'no-store']);
    expect(opened.length + smallCalls).toBe(1);
  });

  it.each([
    '/exports/v1/aa/1600000000-1600003600-00001.ZIP',
    '/exports/v1/aa/.zip',
    '/exports/v1/aa/a~b.zip',
    `/exports/v1/aa/${'a'.repeat(201)}.zip`,
    '/exports/v1/aa/..zip',
    '/exports/v1/aa/',
    '/exports/v1/aa',
    '/exports/index.txt',
    '/exports//index.txt',
    '/exports/',
    '/exports',
    '/exports/v1/aa/index.html',
    '/exports/v1/aa/INDEX.TXT',
    '/exports/v1/../v1/aa/index.txt',
    '/exports/v1/./aa/index.txt',
    '/exports/v1//aa/index.txt',
    '/exports/v1%2faa/index.txt',
    '/exports/v1/aa%2Findex.txt',
    '/exports/v1/aa/%2e%2e/aa/index.txt',
    '/exports/..%2f..%2fetc%2fpasswd/index.txt',
    '/exports/v1\\aa/index.txt',
    '/exports/v1%5caa/index.txt',
    '/exports/v1/aa/index.txt%00',
    '/exports/v1/aa/%00.zip',
    '/exports/v1/aa/%',
    '/exports/v1/aa/%ff.zip',
    '/exports/v1/aa/;/index.txt',
    '/exports/v1/aa/index.txt#x',
    '/exports/v1/aa/../aa/index.txt',
    '/exports/../exports/v1/aa/index.txt',
    '/exports/v1/aa/%252e%252e/aa/index.txt',
    '/exports/v1/aa/..%c0%af../index.txt',
    '/exports/v1/aa..aa/index.txt',
    '/exports/.v1/aa/index.txt',
    '/exports/~1/index.txt',
    '/EXPORTS/v1/aa/index.txt',
    `/exports/${'a'.repeat(201)}/index.txt`,
  ])('%s is nowhere, and the export role hears nothing of it', async (path) => {
    const { status, headers, text } = await ask(gateway, path);
    expect(status).toBe(404);
    expect(text).toBe('404 page not found\n');
    expect(headers['cache-control']).toBe('no-store');
    expect(opened.length + smallCalls).toBe(0);
  });

  it('NUL in a path is not even HTTP', async () => {
    const connection = new RawConnection(gateway);
    await connection.send('GET /exports/v1/aa/\0.zip HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.closed;
    expect(connection.received).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('are only read', async () => {
    const { status, headers } = await ask(gateway, '/exports/v1/aa/index.txt', { method: 'DELETE' });
    expect(status).toBe(405);
    expect(headers.allow).toBe('GET, HEAD');
  });
});

describe('an export on hold', () => {
  it('is 403 without a word why, kept by no cache, and no reason to worry', async () => {
    const refuse = () => Promise.reject(new AppError('forbidden', 'on_hold', 'this export is on hold'));
    await using gateway = await openGateway({
      exports: {
        getIndex: refuse,

        async *getFile() {
          await refuse();
        },
      },
    });
    for (const object of ['index.txt', file]) {
      const { status, headers, text } = await ask(gateway, `/exports/aa/${object}`);
      expect([status, text, headers['cache-control']]).toEqual([403, '403 forbidden\n', 'no-store']);
    }
    expect(gateway.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('an export role in trouble', () => {
  it('is 503 when it cannot be reached, for each object', async () => {
    await using gateway = await openGateway();
    await gateway.stopRoles();
    for (const object of ['index.txt', 'keys.json', file]) {
      const { status, headers, text } = await ask(gateway, `/exports/aa/${object}`);
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('60');
      expect(text).toBe('503 service unavailable\n');
    }
    expect(gateway.logs.filter(({ level }) => level === 'error')).toHaveLength(3);
  });

  it('is 500 when it fails, without a word why', async () => {
    const fail = () => Promise.reject(new Error('secret'));
    await using gateway = await openGateway({ exports: { getIndex: fail, getPublicKeys: fail } });
    for (const object of ['index.txt', 'keys.json']) {
      const { status, text } = await ask(gateway, `/exports/aa/${object}`);
      expect(status).toBe(500);
      expect(text).toBe('500 internal server error\n');
    }
  });

  it('is 503 when a file does not begin in time', async () => {
    await using gateway = await openGateway({
      settings: { timeouts: { ...testSettings.timeouts, callMs: 50 } },
      exports: {
        async *getFile(_request, { signal }) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
      },
    });
    expect((await ask(gateway, `/exports/aa/${file}`)).status).toBe(503);
  });

  describe.each([
    ['breaks off', 5, () => new Error('secret')],
    ['is shorter than announced', 5, () => undefined],
    ['is longer than announced', 15, () => undefined],
  ])('with a file that %s', (_what, sent, failure) => {
    let opened = 0;
    const broken: Partial<ExportServiceImplementation> = {
      async *getFile() {
        opened++;
        yield { part: { $case: 'header', value: { size: 10n, etag: 'x' } } };
        for (let i = 0; i < sent; i++) yield { part: { $case: 'chunk', value: Buffer.alloc(1) } };
        await turn();
        const error = failure();
        if (error) throw error;
      },
    };

    it('is 500 where the file is read into memory first, and nothing of it is kept', async () => {
      opened = 0;
      await using gateway = await openGateway({ exports: broken });
      for (let i = 0; i < 2; i++) {
        const { status, headers, text } = await ask(gateway, `/exports/aa/${file}`);
        expect([status, text, headers['cache-control']]).toEqual([500, '500 internal server error\n', 'no-store']);
        expect(headers).not.toHaveProperty('etag');
      }
      expect(opened).toBe(2);
      expect(gateway.logs.filter(({ level }) => level === 'error')).toHaveLength(2);
    });

    it('never lets it look complete where it passes through', async () => {
      await using gateway = await openGateway({ settings: { fileCacheBytes: 4 }, exports: broken });
      for (let i = 0; i < 2; i++) await expect(ask(gateway, `/exports/aa/${file}`)).rejects.toThrow();
      expect(gateway.logs.filter(({ level }) => level === 'error')).toHaveLength(2);
    });
  });
});

describe('a large file', () => {
  const chunk = Buffer.alloc(64 * 1024);
  const chunks = 2_000;

  it('is fetched no faster than it is read, and no longer than somebody reads', async () => {
    let taken = 0;
    const ended = Promise.withResolvers<undefined>();
    await using gateway = await openGateway({
      exports: {
        async *getFile(_request, { signal }) {
          signal.addEventListener('abort', () => ended.resolve(undefined), { once: true });
          yield { part: { $case: 'header', value: { size: BigInt(chunks * chunk.length), etag: 'x' } } };
          for (; taken < chunks; taken++) {
            await turn();
            yield { part: { $case: 'chunk', value: chunk } };
          }
        },
      },
    });
    const request = httpRequest({ port: gateway.port, path: `/exports/aa/${file}`, agent: false });
    request.on('error', () => undefined).end();
    await new Promise<void>((resolve) =>
      request.once('response', (response) => {
        response.pause();
        resolve();
      }),
    );
    let before = -1;
    while (before !== taken) {
      before = taken;
      for (let i = 0; i < 20; i++) await ask(gateway, '/healthz');
    }
    // What lies in sockets and windows between the two, whatever the size of the file.
    expect(taken * chunk.length).toBeLessThan(8 * 1024 * 1024);
    request.destroy();
    await ended.promise;
    expect(gateway.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
