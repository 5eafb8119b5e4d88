import { describe, expect, it } from 'vitest';
import { FileCache } from '../../../src/gateway/exports/file-cache.ts';

async function* chunksOf(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
}

async function text(chunks: AsyncIterable<Buffer>): Promise<string> {
  let whole = '';
  for await (const chunk of chunks) whole += chunk.toString();
  return whole;
}

describe('a file cache', () => {
  it('keeps a file that went through it', async () => {
    const cache = new FileCache(40);
    expect(await text(cache.keep('a', { size: 6, etag: '"a"' }, chunksOf('one', 'two')))).toBe('onetwo');
    expect(cache.get('a')).toEqual({ bytes: Buffer.from('onetwo'), etag: '"a"' });
  });

  it('keeps what takes a quarter of it, and nothing larger', async () => {
    const cache = new FileCache(40);
    await text(cache.keep('a', { size: 10, etag: 'x' }, chunksOf('0123456789')));
    await text(cache.keep('b', { size: 11, etag: 'x' }, chunksOf('0123456789a')));
    expect(cache.get('a')).toBeDefined();
    expect(cache.get('b')).toBeUndefined();
  });

  it('forgets what was not asked for longest', async () => {
    const cache = new FileCache(20);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await text(cache.keep(name, { size: 5, etag: 'x' }, chunksOf('12345')));
    }
    expect(['a', 'b', 'c', 'd', 'e'].filter((name) => cache.get(name))).toEqual(['b', 'c', 'd', 'e']);
  });

  it('keeps no file of which the reader left or the source broke', async () => {
    const cache = new FileCache(40);
    for await (const chunk of cache.keep('a', { size: 6, etag: 'x' }, chunksOf('one', 'two'))) {
      if (chunk.toString() === 'one') break;
    }
    expect(cache.get('a')).toBeUndefined();
    await text(cache.keep('a', { size: 6, etag: 'x' }, chunksOf('one', 'two')));
    expect(cache.get('a')).toBeDefined();
  });

  it('takes no more memory for files that are arriving than for those that are there', async () => {
    const cache = new FileCache(20);
    const arriving = ['a', 'b', 'c', 'd', 'e'].map((name) =>
      cache.keep(name, { size: 5, etag: 'x' }, chunksOf('12', '345')),
    );
    for (const file of arriving) await file.next();
    for (const file of arriving) await text(file);
    expect(cache.get('d')).toBeDefined();
    expect(cache.get('e')).toBeUndefined();
  });
});
