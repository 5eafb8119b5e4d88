import { describe, expect, it } from 'vitest';
import { FileCache, type KnownFile } from '../../../src/gateway/exports/file-cache.ts';

/** What an entry takes besides its bytes. */
const entryBytes = 1_024;

function fileOf(bytes: number, checkedAt = 0): KnownFile {
  return { size: bytes, etag: '"x"', bytes: Buffer.alloc(bytes), checkedAt };
}

function cacheOf(maxBytes: number): FileCache {
  return new FileCache({ maxBytes, freshMs: 30, now: () => 0 });
}

describe('a file cache', () => {
  it('keeps what takes a quarter of it, and nothing larger', () => {
    const cache = cacheOf(40);
    expect(cache.mayKeep({ size: 10, etag: '' })).toBe(true);
    expect(cache.mayKeep({ size: 11, etag: '' })).toBe(false);
  });

  it('forgets what was not asked for longest, counting names too', () => {
    const cache = cacheOf(3 * (entryBytes + 100));
    for (const name of ['a', 'b', 'c']) cache.keep(name, fileOf(100));
    cache.get('a');
    cache.keep('d', fileOf(100));
    expect(['a', 'b', 'c', 'd'].filter((name) => cache.get(name))).toEqual(['a', 'c', 'd']);
    for (let n = 0; n < 100; n++) cache.keep(`described-${String(n)}`, { ...fileOf(0), bytes: undefined });
    expect(cache.get('d')).toBeUndefined();
  });

  it('trusts what it was told for so long, and no longer', () => {
    let now = 1_000;
    const cache = new FileCache({ maxBytes: 10_000, freshMs: 30, now: () => now });
    const file = fileOf(10, cache.now());
    now += 29;
    expect(cache.isFresh(file)).toBe(true);
    now += 1;
    expect(cache.isFresh(file)).toBe(false);
  });

  it('sets no more memory aside for files that are arriving than it has for those that are there', () => {
    const cache = cacheOf(20);
    const first = cache.reserve(15);
    expect(first).toBeDefined();
    expect(cache.reserve(6)).toBeUndefined();
    expect(cache.reserve(5)).toBeDefined();
    first?.();
    expect(cache.reserve(15)).toBeDefined();
    expect(cache.reserve(1)).toBeUndefined();
  });

  describe('with readers that never read', () => {
    const size = 5_000;
    const maxBytes = size + entryBytes;

    it('counts a forgotten file once, until the last of them is gone', () => {
      const cache = cacheOf(maxBytes);
      const file = fileOf(size);
      cache.keep('a', file);
      const [stop, stopOther] = [cache.startReading(file), cache.startReading(file)];
      cache.reserve(maxBytes)?.();
      cache.keep('b', fileOf(size));
      expect(cache.get('a')).toBeUndefined();
      expect(cache.reserve(maxBytes - size + 1)).toBeUndefined();
      stop();
      expect(cache.reserve(maxBytes - size + 1)).toBeUndefined();
      stopOther();
      expect(cache.reserve(maxBytes)).toBeDefined();
    });

    it('counts a file that was forgotten before they began', () => {
      const cache = cacheOf(maxBytes);
      const file = fileOf(size);
      cache.keep('a', file);
      cache.forget('a');
      const stop = cache.startReading(file);
      expect(cache.reserve(maxBytes)).toBeUndefined();
      stop();
      expect(cache.reserve(maxBytes)).toBeDefined();
    });

    it('counts nothing for files that are kept anyway', () => {
      const cache = cacheOf(maxBytes);
      const file = fileOf(size);
      cache.keep('a', file);
      const stop = cache.startReading(file);
      cache.reserve(maxBytes)?.();
      stop();
      expect(cache.reserve(maxBytes)).toBeDefined();
    });
  });
});
