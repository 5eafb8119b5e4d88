import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { chooseEncoding, ContentEncodings } from '../../../src/gateway/exports/content-encoding.ts';

describe('the encoding of an answer', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['deflate', undefined],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['gzip;q=0', undefined],
    ['gzip;q=0.000, br;q=0', undefined],
    ['gzip; q=0.001', 'gzip'],
    ['*', 'br'],
    ['*;q=0.5, br;q=0', 'gzip'],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['gzip;q=2', undefined],
    ['gzip;q=x', undefined],
    [',,;', undefined],
  ])('for Accept-Encoding: %s is %s', (accepted, chosen) => {
    expect(chooseEncoding(accepted)).toBe(chosen);
  });

  it('has a validator of its own, and is made once', async () => {
    const encodings = new ContentEncodings();
    const object = { bytes: Buffer.from('line\n'.repeat(100)), etag: '"e"' };
    const gzip = await encodings.encode(object, 'gzip');
    const br = await encodings.encode(object, 'br');
    expect([gzip.encoding, gzip.etag, br.encoding, br.etag]).toEqual(['gzip', '"e-gzip"', 'br', '"e-br"']);
    expect(gunzipSync(gzip.bytes).equals(object.bytes)).toBe(true);
    expect(brotliDecompressSync(br.bytes).equals(object.bytes)).toBe(true);
    expect(await encodings.encode(object, 'gzip')).toBe(gzip);
  });

  it('is none where that is smaller', async () => {
    const object = { bytes: Buffer.from('short'), etag: '"e"' };
    expect(await new ContentEncodings().encode(object, 'gzip')).toEqual({ ...object, encoding: undefined });
    const empty = { bytes: Buffer.alloc(0), etag: '"0"' };
    expect(await new ContentEncodings().encode(empty, 'br')).toEqual({ ...empty, encoding: undefined });
  });
});
