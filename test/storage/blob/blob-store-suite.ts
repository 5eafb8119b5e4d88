/** What every blob store does, whoever keeps the blobs. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, type TestContext } from 'vitest';
import type { BlobName, BlobStore } from '../../../src/storage/blob/blob-store.ts';
import { sourceOf } from '../../support/blob-source.ts';

export const overwrite = { contentType: 'text/plain', cacheControl: 'no-cache', onlyIfAbsent: false };
export const onlyIfAbsent = { ...overwrite, onlyIfAbsent: true };

/** Longest time of a behaviour, with the first one's start of an emulator. */
const timeout = 60_000;

/** A store that makes buckets, and closes what belongs to it. */
export interface OpenStore extends AsyncDisposable {
  readonly store: BlobStore;
}

/** Describes the behaviours; `open` may skip a test where the store cannot be had. */
export function describeBlobStore(name: string, open: (context: TestContext) => Promise<OpenStore>): void {
  describe(name, { timeout }, () => {
    it('gives back what was written, from bytes and from a source of several pieces', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      expect(await opened.store.put(blob, Buffer.from('bytes'), overwrite)).toBe('written');
      expect(await textOf(opened.store, blob)).toBe('bytes');
      const source = sourceOf(Buffer.from('a '), Buffer.from('stream'));
      expect(await opened.store.put(blob, source, overwrite)).toBe('written');
      expect(await textOf(opened.store, blob)).toBe('a stream');
    });

    it('keeps blobs larger than a buffer, and empty ones', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      const piece = Buffer.alloc(1_000_003, 'xyz');
      await opened.store.put(blob, sourceOf(piece, piece), onlyIfAbsent);
      const read = await opened.store.read(blob);
      expect(read?.info.size).toBe(2 * piece.length);
      expect((await buffer(read!.body)).equals(Buffer.concat([piece, piece]))).toBe(true);
      const empty = someBlob();
      await opened.store.put(empty, Buffer.alloc(0), onlyIfAbsent);
      expect(await textOf(opened.store, empty)).toBe('');
    });

    it('has nothing where nothing is, also in a bucket that does not exist', async (context) => {
      await using opened = await open(context);
      const here = someBlob();
      await opened.store.put(here, Buffer.from('x'), overwrite);
      for (const blob of [someBlob(), { bucket: 'nowhere-at-all', name: 'aa/file' }]) {
        expect(await opened.store.stat(blob)).toBeNull();
        expect(await opened.store.read(blob)).toBeNull();
        await opened.store.delete(blob);
      }
      expect(await Array.fromAsync(opened.store.list('nowhere-at-all', ''))).toEqual([]);
    });

    it('is read in part: from an offset, to the end with length 0, never beyond the end', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      await opened.store.put(blob, Buffer.from('0123456789'), overwrite);
      const part = (offset: number, length: number) => textOf(opened.store, blob, { offset, length });
      expect(await part(0, 4)).toBe('0123');
      expect(await part(2, 3)).toBe('234');
      expect(await part(7, 0)).toBe('789');
      expect(await part(8, 100)).toBe('89');
      expect(await part(10, 1)).toBe('');
      expect(await part(11, 0)).toBe('');
      const read = await opened.store.read(blob, { offset: 2, length: 3 });
      read!.body.destroy();
      expect(read!.info).toEqual(await opened.store.stat(blob));
      expect(read!.info.size).toBe(10);
    });

    it('has an etag that stays with the content and changes with it', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      await opened.store.put(blob, Buffer.from('one'), overwrite);
      const first = await opened.store.stat(blob);
      expect(await opened.store.stat(blob)).toEqual(first);
      await opened.store.put(blob, Buffer.from('two'), overwrite);
      expect((await opened.store.stat(blob))!.etag).not.toBe(first!.etag);
    });

    it('deletes, and lists whole names that begin with the prefix in byte order', async (context) => {
      await using opened = await open(context);
      const root = randomUUID();
      const blob = (name: string): BlobName => ({ bucket, name: `${root}/${name}` });
      for (const name of ['a/2', 'a/10', 'a-b', 'a/1/x', 'ab/1', 'with space+plus']) {
        await opened.store.put(blob(name), Buffer.from('x'), onlyIfAbsent);
      }
      const list = async (prefix: string): Promise<string[]> =>
        (await Array.fromAsync(opened.store.list(bucket, `${root}/${prefix}`))).map((name) => name.slice(37));
      expect(await list('')).toEqual(['a-b', 'a/1/x', 'a/10', 'a/2', 'ab/1', 'with space+plus']);
      expect(await list('a/1')).toEqual(['a/1/x', 'a/10']);
      expect(await list('c')).toEqual([]);
      await opened.store.delete(blob('a/1/x'));
      await opened.store.delete(blob('with space+plus'));
      expect(await opened.store.stat(blob('with space+plus'))).toBeNull();
      expect(await list('')).toEqual(['a-b', 'a/10', 'a/2', 'ab/1']);
    });

    it('never overwrites with onlyIfAbsent, neither with bytes nor with a source', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      expect(await opened.store.put(blob, sourceOf(Buffer.from('first')), onlyIfAbsent)).toBe('written');
      expect(await opened.store.put(blob, Buffer.from('second'), onlyIfAbsent)).toBe('exists');
      expect(await opened.store.put(blob, sourceOf(Buffer.alloc(3_000_000)), onlyIfAbsent)).toBe('exists');
      expect(await textOf(opened.store, blob)).toBe('first');
    });

    it('has one winner among eight that write one name at once', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      const contents = Array.from({ length: 8 }, (_, number) => Buffer.alloc(200_000, String(number)));
      const results = await Promise.all(
        contents.map((content, number) =>
          opened.store.put(blob, number % 2 === 0 ? content : sourceOf(content), onlyIfAbsent),
        ),
      );
      expect(results.toSorted()).toEqual([...Array<string>(7).fill('exists'), 'written']);
      expect(await textOf(opened.store, blob)).toBe(contents[results.indexOf('written')]!.toString());
    });

    it('has nothing of content whose source fails or gives too little, and tells the error of the source', async (context) => {
      await using opened = await open(context);
      const blob = someBlob();
      async function* failing(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(100_000);
        await Promise.reject(new Error('lost the source'));
      }
      const broken = { size: 200_000, open: () => Readable.from(failing()) };
      await expect(opened.store.put(blob, broken, onlyIfAbsent)).rejects.toThrow('lost the source');
      const short = { size: 200_000, open: () => Readable.from([Buffer.alloc(100_000)]) };
      await expect(opened.store.put(blob, short, onlyIfAbsent)).rejects.toThrow();
      const long = { size: 50_000, open: () => Readable.from([Buffer.alloc(40_000), Buffer.alloc(40_000)]) };
      await expect(opened.store.put(blob, long, onlyIfAbsent)).rejects.toThrow();
      expect(await opened.store.stat(blob)).toBeNull();
    });

    it('refuses names that lead elsewhere', async (context) => {
      await using opened = await open(context);
      for (const name of ['', '/x', '../x', 'a/../x', 'a//b', 'a\\b']) {
        await expect(opened.store.read({ bucket, name })).rejects.toMatchObject({ code: 'blob_name_invalid' });
        await expect(opened.store.delete({ bucket, name })).rejects.toMatchObject({ code: 'blob_name_invalid' });
      }
    });
  });
}

/** Of every behaviour; blobs have names of their own. */
export const bucket = 'exports';

export function someBlob(): BlobName {
  return { bucket, name: `${randomUUID()}/file` };
}

export async function textOf(
  store: BlobStore,
  blob: BlobName,
  range?: { readonly offset: number; readonly length: number },
): Promise<string | null> {
  const read = await store.read(blob, range);
  return read === null ? null : (await buffer(read.body)).toString();
}
