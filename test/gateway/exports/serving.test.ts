/** What many readers cost the export role, and what a hold, a slow export role and an impatient reader change. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { ExportServiceImplementation } from '../../../src/gen/enmesh/export/v1/export.ts';
import { ask, openGateway, testSettings } from '../support/gateway.ts';

const file = '1600000000-1600003600-00001.zip';
const path = `/exports/aa/${file}`;
const zip = Buffer.alloc(50_000, 'zip');

/** An export role with one file; what it is asked for is told to `onOpen`, which may refuse. */
function roleWith(onOpen: (range: string) => void): Partial<ExportServiceImplementation> {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- a stream without waiting
    async *getFile({ offset, length }) {
      onOpen(`${offset}+${length}`);
      yield { part: { $case: 'header', value: { size: BigInt(zip.length), etag: 'e' } } };
      const bytes = zip.subarray(Number(offset), length === 0n ? undefined : Number(offset + length));
      if (bytes.length > 0) yield { part: { $case: 'chunk', value: bytes } };
    },
  };
}

describe('a file in memory', () => {
  it('is asked about again when its time is over, but not loaded again', async () => {
    const ranges: string[] = [];
    await using gateway = await openGateway({
      settings: { fileFreshMs: 0 },
      exports: roleWith((range) => ranges.push(range)),
    });
    for (let i = 0; i < 3; i++) expect((await ask(gateway, path)).body.equals(zip)).toBe(true);
    expect(ranges).toEqual(['0+0', `${zip.length}+0`, `${zip.length}+0`]);
  });

  it.each([
    [403, new AppError('forbidden', 'on_hold', 'this export is on hold')],
    [404, new AppError('not_found', 'file_not_found', 'this file is not published')],
  ])('is %i as soon as its time is over, and back when it is there again', async (status, refusal) => {
    let isRefused = false;
    await using gateway = await openGateway({
      settings: { fileFreshMs: 0 },
      exports: roleWith(() => {
        if (isRefused) throw refusal;
      }),
    });
    await ask(gateway, path);
    isRefused = true;
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(gateway, path, { method });
      expect([answer.status, answer.headers['cache-control']]).toEqual([status, 'no-store']);
    }
    expect((await ask(gateway, path, { headers: { 'if-none-match': '"e"' } })).status).toBe(status);
    isRefused = false;
    expect((await ask(gateway, path)).body.equals(zip)).toBe(true);
  });

  it('is sent without asking for less than the 30 s within which a hold must be everywhere', async () => {
    expect(testSettings.fileFreshMs).toBeLessThan(30_000);
    let isHeld = false;
    await using gateway = await openGateway({
      exports: roleWith(() => {
        if (isHeld) throw new AppError('forbidden', 'on_hold', 'this export is on hold');
      }),
    });
    await ask(gateway, path);
    isHeld = true;
    expect((await ask(gateway, path)).status).toBe(200);
    expect((await ask(gateway, `/exports/aa/2${file}`)).status).toBe(403);
  });

  it('is never sent as another file than the one that was there: published files do not change', async () => {
    let etag = 'one';
    await using gateway = await openGateway({
      settings: { fileFreshMs: 0 },
      exports: {
        // eslint-disable-next-line @typescript-eslint/require-await -- a stream without waiting
        async *getFile() {
          yield { part: { $case: 'header', value: { size: 1n, etag } } };
          yield { part: { $case: 'chunk', value: Buffer.from('x') } };
        },
      },
    });
    await ask(gateway, path);
    etag = 'two';
    expect((await ask(gateway, path)).status).toBe(500);
    expect(gateway.logs.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('is not compressed for anybody', async () => {
    await using gateway = await openGateway({ exports: roleWith(() => undefined) });
    for (let i = 0; i < 2; i++) {
      const { headers, body } = await ask(gateway, path, { headers: { 'accept-encoding': 'gzip, br' } });
      expect(headers).not.toHaveProperty('content-encoding');
      expect(headers).not.toHaveProperty('vary');
      expect(body.equals(zip)).toBe(true);
    }
  });
});

describe('a file that arrives', () => {
  it('is given up when the last who waits for it has left, and kept by nobody', async () => {
    const opened = Promise.withResolvers<undefined>();
    const ended = Promise.withResolvers<undefined>();
    await using gateway = await openGateway({
      exports: {
        async *getFile(_request, { signal }) {
          yield { part: { $case: 'header', value: { size: 10n, etag: 'e' } } };
          opened.resolve(undefined);
          await once(signal, 'abort');
          ended.resolve(undefined);
        },
      },
    });
    const request = httpRequest({ port: gateway.port, path, agent: false });
    request.on('error', () => undefined).end();
    await opened.promise;
    request.destroy();
    await ended.promise;
    expect(gateway.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is 503 when it stops half way', async () => {
    await using gateway = await openGateway({
      settings: { timeouts: { ...testSettings.timeouts, callMs: 200 } },
      exports: {
        async *getFile(_request, { signal }) {
          yield { part: { $case: 'header', value: { size: 10n, etag: 'e' } } };
          await once(signal, 'abort');
        },
      },
    });
    const { status, headers } = await ask(gateway, path);
    expect([status, headers['retry-after']]).toEqual([503, '60']);
  });
});

describe('index and public keys', () => {
  const index = Array.from({ length: 84 }, (_, n) => `aa/16000${n}0000-16000${n}3600-00001.zip`).join('\n');
  const small: Partial<ExportServiceImplementation> = {
    getIndex: () => Promise.resolve({ content: Buffer.from(index), etag: 'index' }),
    getPublicKeys: () => Promise.resolve({ keys: [] }),
  };

  it.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('come compressed by %s, with a validator of their own', async (encoding, decompress) => {
    await using gateway = await openGateway({ exports: small });
    const url = '/exports/aa/index.txt';
    const asked = { headers: { 'accept-encoding': encoding } };
    const { status, headers, body } = await ask(gateway, url, asked);
    expect([status, headers.vary, headers['content-encoding'], headers.etag]).toEqual([
      200,
      'Accept-Encoding',
      encoding,
      `"index-${encoding}"`,
    ]);
    expect(headers['content-length']).toBe(String(body.length));
    expect(body.length).toBeLessThan(index.length / 3);
    expect(decompress(body).toString()).toBe(index);
    const head = await ask(gateway, url, { ...asked, method: 'HEAD' });
    expect({ ...head.headers, date: '' }).toEqual({ ...headers, date: '' });
    const known = { ...asked.headers, 'if-none-match': headers.etag };
    const again = await ask(gateway, url, { headers: known });
    expect([again.status, again.headers.vary, again.headers.etag]).toEqual([304, 'Accept-Encoding', headers.etag]);
    expect(again.headers).not.toHaveProperty('content-encoding');
    const plain = await ask(gateway, url, { headers: { 'if-none-match': headers.etag } });
    expect([plain.status, plain.headers.vary, plain.headers.etag]).toEqual([200, 'Accept-Encoding', '"index"']);
    expect(plain.text).toBe(index);
  });

  it('cost the export role few calls, however many ask at once, and are never older than the question', async () => {
    let calls = 0;
    let content = 'before';
    await using gateway = await openGateway({
      exports: {
        getIndex: async () => {
          calls++;
          const read = content;
          await new Promise((resolve) => setImmediate(resolve));
          return { content: Buffer.from(read), etag: read };
        },
      },
    });
    const many = Array.from({ length: 50 }, () => ask(gateway, '/exports/aa/index.txt'));
    await Promise.race(many);
    content = 'after';
    const { text } = await ask(gateway, '/exports/aa/index.txt');
    expect(text).toBe('after');
    expect((await Promise.all(many)).every(({ status }) => status === 200)).toBe(true);
    expect(calls).toBeLessThan(51);
  });
});
