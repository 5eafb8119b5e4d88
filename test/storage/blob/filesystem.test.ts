/** The filesystem store: all or nothing, never outside its folder, also with several processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/storage/blob/blob-store.ts';
import { fileSource } from '../../../src/storage/blob/file-source.ts';
import { openBlobStore } from '../../../src/storage/blob/open.ts';
import { sourceOf } from '../../support/blob-source.ts';
import { temporaryFolder } from '../../support/export-file.ts';
import { describeBlobStore, onlyIfAbsent, overwrite } from './blob-store-suite.ts';

const blob = { bucket: 'exports', name: 'aa/index.txt' };

/** A store in a folder of its own. */
async function openSample(): Promise<{ store: BlobStore; dir: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const dir = join(folder.path, 'made', 'at', 'open');
  const store = await openBlobStore({ kind: 'filesystem', dir });
  return { store, dir, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describeBlobStore('the filesystem store', openSample);

async function collect(names: AsyncIterable<string>): Promise<string[]> {
  const collected = [];
  for await (const name of names) collected.push(name);
  return collected;
}

async function textOf(store: BlobStore, range?: { offset: number; length: number }): Promise<string | null> {
  const read = await store.read(blob, range);
  return read === null ? null : (await buffer(read.body)).toString();
}

describe('a blob', () => {
  it('is read as it was written, from bytes and from a stream', async () => {
    await using sample = await openSample();
    expect(await sample.store.put(blob, Buffer.from('bytes'), overwrite)).toBe('written');
    expect(await textOf(sample.store)).toBe('bytes');
    expect(await sample.store.put(blob, sourceOf(Buffer.from('a '), Buffer.from('stream')), overwrite)).toBe('written');
    expect(await textOf(sample.store)).toBe('a stream');
  });

  it('may be read by whoever may read the others, also when nobody else may read the file that it is made from', async () => {
    await using sample = await openSample();
    const made = join(sample.dir, 'made');
    await writeFile(made, 'a file', { mode: 0o600 });
    const modes = [];
    for (const content of [Buffer.from('bytes'), fileSource(made, 6)]) {
      await sample.store.put(blob, content, overwrite);
      modes.push((await stat(join(sample.dir, blob.bucket, blob.name))).mode & 0o777);
    }
    expect(modes[1]).toBe(modes[0]);
  });

  it('may be larger than a buffer, and empty', async () => {
    await using sample = await openSample();
    const large = Buffer.alloc(1_000_003, 'xyz');
    await sample.store.put(blob, sourceOf(large), overwrite);
    const read = await sample.store.read(blob);
    expect(read?.info.size).toBe(large.length);
    expect((await buffer(read!.body)).equals(large)).toBe(true);
    await sample.store.put(blob, Buffer.alloc(0), overwrite);
    expect(await textOf(sample.store)).toBe('');
  });

  it('is null where there is none, or where a folder is', async () => {
    await using sample = await openSample();
    await sample.store.put({ bucket: 'exports', name: 'aa/bb/file' }, Buffer.from('x'), overwrite);
    for (const name of ['none', 'aa', 'aa/bb', 'aa/bb/file/below']) {
      expect(await sample.store.stat({ bucket: 'exports', name })).toBeNull();
      expect(await sample.store.read({ bucket: 'exports', name })).toBeNull();
    }
  });

  it('is read in part: from an offset, to the end with length 0, never beyond the end', async () => {
    await using sample = await openSample();
    await sample.store.put(blob, Buffer.from('0123456789'), overwrite);
    expect(await textOf(sample.store, { offset: 2, length: 3 })).toBe('234');
    expect(await textOf(sample.store, { offset: 7, length: 0 })).toBe('789');
    expect(await textOf(sample.store, { offset: 8, length: 100 })).toBe('89');
    expect(await textOf(sample.store, { offset: 10, length: 1 })).toBe('');
    expect(await textOf(sample.store, { offset: 11, length: 0 })).toBe('');
  });

  it('has an etag that changes with each write, even of the same bytes, and only then', async () => {
    await using sample = await openSample();
    const etags = new Set<string>();
    for (let round = 0; round < 5; round++) {
      await sample.store.put(blob, Buffer.from('same'), overwrite);
      const info = await sample.store.stat(blob);
      expect((await sample.store.stat(blob))?.etag).toBe(info?.etag);
      expect((await sample.store.read(blob).then((read) => read?.body.destroy() && read.info))?.etag).toBe(info?.etag);
      etags.add(info!.etag);
    }
    expect(etags.size).toBe(5);
  });

  it('goes on being read as it was while it is overwritten or deleted', async () => {
    await using sample = await openSample();
    await sample.store.put(blob, Buffer.from('old'), overwrite);
    const overwritten = await sample.store.read(blob);
    await sample.store.put(blob, Buffer.from('new, longer'), overwrite);
    const deleted = await sample.store.read(blob);
    await sample.store.delete(blob);
    expect((await buffer(overwritten!.body)).toString()).toBe('old');
    expect((await buffer(deleted!.body)).toString()).toBe('new, longer');
  });

  it('is gone when deleted, with folders that are empty then; deleting nothing is fine', async () => {
    await using sample = await openSample();
    const deep = { bucket: 'exports', name: 'aa/bb/cc/file' };
    await sample.store.put(deep, Buffer.from('x'), overwrite);
    await sample.store.put({ bucket: 'exports', name: 'aa/other' }, Buffer.from('x'), overwrite);
    await sample.store.delete(deep);
    await sample.store.delete(deep);
    await sample.store.delete({ bucket: 'nowhere', name: 'aa/file' });
    expect(await sample.store.stat(deep)).toBeNull();
    expect(await readdir(join(sample.dir, 'exports', 'aa'))).toEqual(['other']);
  });
});

describe('onlyIfAbsent', () => {
  it('writes once and never overwrites', async () => {
    await using sample = await openSample();
    expect(await sample.store.put(blob, Buffer.from('first'), onlyIfAbsent)).toBe('written');
    expect(await sample.store.put(blob, Buffer.from('second'), onlyIfAbsent)).toBe('exists');
    expect(await textOf(sample.store)).toBe('first');
  });

  it('opens no source that it does not need', async () => {
    await using sample = await openSample();
    await sample.store.put(blob, Buffer.from('first'), onlyIfAbsent);
    const open = (): never => {
      throw new Error('opened in vain');
    };
    expect(await sample.store.put(blob, { size: 1, open }, onlyIfAbsent)).toBe('exists');
  });

  it('has one winner among many at once in one process', async () => {
    await using sample = await openSample();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, number) => sample.store.put(blob, Buffer.from(String(number)), onlyIfAbsent)),
    );
    expect(results.filter((result) => result === 'written')).toHaveLength(1);
    expect(await textOf(sample.store)).toBe(String(results.indexOf('written')));
  });

  it('has one winner between two processes', async () => {
    await using sample = await openSample();
    const children = [startChild(sample.dir, 'race'), startChild(sample.dir, 'race')];
    for (const child of children) expect(await child.line()).toBe('ready');
    for (const child of children) child.process.stdin!.write('go\n');
    const [first, second] = await Promise.all(children.map(async (child) => (await child.line()).split(',')));
    expect(first).toHaveLength(50);
    for (const [index, result] of first!.entries()) {
      expect([result, second![index]].toSorted()).toEqual(['exists', 'written']);
      const winner = children[result === 'written' ? 0 : 1]!;
      const read = await sample.store.read({ bucket: 'b', name: `race/${String(index)}` });
      expect((await buffer(read!.body)).toString()).toBe(String(winner.process.pid));
    }
  });
});

describe('an unfinished write', () => {
  it('of a killed process is never listed, and gone when the store is opened again', async () => {
    await using sample = await openSample();
    const child = startChild(sample.dir, 'hang');
    expect(await child.line()).toBe('ready');
    child.process.kill('SIGKILL');
    await once(child.process, 'exit');

    expect(await collect(sample.store.list('b', ''))).toEqual([]);
    expect(await sample.store.stat({ bucket: 'b', name: 'aa/killed.zip' })).toBeNull();
    const uploads = join(sample.dir, 'b', '.uploads');
    expect(await readdir(uploads)).toHaveLength(1);
    await openBlobStore({ kind: 'filesystem', dir: sample.dir });
    expect(await readdir(uploads)).toEqual([]);
  });

  it('of a living process is left alone by others that open the store', async () => {
    await using sample = await openSample();
    const child = startChild(sample.dir, 'hang');
    expect(await child.line()).toBe('ready');
    await openBlobStore({ kind: 'filesystem', dir: sample.dir });
    expect(await readdir(join(sample.dir, 'b', '.uploads'))).toHaveLength(1);
    child.process.kill('SIGKILL');
    await once(child.process, 'exit');
  });

  it('of another machine goes when it is old', async () => {
    await using sample = await openSample();
    const uploads = join(sample.dir, 'b', '.uploads');
    await mkdir(uploads, { recursive: true });
    for (const name of ['elsewhere~1~old', 'elsewhere~1~new']) await writeFile(join(uploads, name), 'x');
    await utimes(join(uploads, 'elsewhere~1~old'), 0, 0);
    await openBlobStore({ kind: 'filesystem', dir: sample.dir });
    expect(await readdir(uploads)).toEqual(['elsewhere~1~new']);
  });

  it('whose source fails leaves nothing, and tells the error of the source', async () => {
    await using sample = await openSample();
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(10);
      await Promise.reject(new Error('lost the source'));
    }
    await expect(sample.store.put(blob, { size: 20, open: () => Readable.from(failing()) }, overwrite)).rejects.toThrow(
      'lost the source',
    );
    expect(await sample.store.stat(blob)).toBeNull();
    expect(await readdir(join(sample.dir, 'exports', '.uploads'))).toEqual([]);
  });
});

describe('a list', () => {
  it('has the whole names that begin with the prefix, in byte order', async () => {
    await using sample = await openSample();
    for (const name of ['a/2', 'a/10', 'a-b', 'a/1/x', 'ab/1', 'b']) {
      await sample.store.put({ bucket: 'exports', name }, Buffer.from('x'), overwrite);
    }
    const list = (prefix: string): Promise<string[]> => collect(sample.store.list('exports', prefix));
    expect(await list('')).toEqual(['a-b', 'a/1/x', 'a/10', 'a/2', 'ab/1', 'b']);
    expect(await list('a/1')).toEqual(['a/1/x', 'a/10']);
    expect(await list('a/')).toEqual(['a/1/x', 'a/10', 'a/2']);
    expect(await list('c')).toEqual([]);
    expect(await collect(sample.store.list('nowhere', ''))).toEqual([]);
  });
});

describe('a name', () => {
  it.each(['', '/etc/passwd', '../x', 'a/../../x', 'a//b', 'a/', './a', 'a\\..\\b', 'a\0b', '.uploads/x', 'a/..'])(
    'that could lead elsewhere is refused: %j',
    async (name) => {
      await using sample = await openSample();
      const refusal = { kind: 'invalid', code: 'blob_name_invalid' };
      await expect(sample.store.read({ bucket: 'exports', name })).rejects.toMatchObject(refusal);
      await expect(sample.store.put({ bucket: 'exports', name }, Buffer.from('x'), overwrite)).rejects.toMatchObject(
        refusal,
      );
      await expect(sample.store.delete({ bucket: 'exports', name })).rejects.toMatchObject(refusal);
    },
  );

  it.each(['', '.', '..', 'a/b', '.hidden', 'a\\b'])('of a bucket has no path in it: %j', async (bucket) => {
    await using sample = await openSample();
    await expect(sample.store.stat({ bucket, name: 'x' })).rejects.toMatchObject({ code: 'blob_name_invalid' });
    await expect(collect(sample.store.list(bucket, ''))).rejects.toMatchObject({ code: 'blob_name_invalid' });
  });
});

describe('a fault of the disk', () => {
  const fault = { kind: 'unavailable', code: 'blob_store_unavailable' };

  it('is unavailable, with its cause, when a file stands where a folder should', async () => {
    await using sample = await openSample();
    await sample.store.put({ bucket: 'exports', name: 'aa' }, Buffer.from('x'), overwrite);
    await expect(sample.store.put(blob, Buffer.from('x'), overwrite)).rejects.toMatchObject({
      ...fault,
      cause: { code: expect.stringMatching(/EEXIST|ENOTDIR/) },
    });
    expect(await readdir(join(sample.dir, 'exports', '.uploads'))).toEqual([]);
  });

  it('is unavailable when a link leads round in circles', async () => {
    await using sample = await openSample();
    await mkdir(join(sample.dir, 'exports'));
    await symlink('circle', join(sample.dir, 'exports', 'circle'));
    await expect(sample.store.stat({ bucket: 'exports', name: 'circle' })).rejects.toMatchObject(fault);
  });

  it.skipIf(process.getuid?.() === 0)('is unavailable when permission is missing', async () => {
    await using sample = await openSample();
    await chmod(sample.dir, 0o500);
    await expect(sample.store.put(blob, Buffer.from('x'), overwrite)).rejects.toMatchObject(fault);
    await chmod(sample.dir, 0o700);
  });
});

interface Child {
  readonly process: ChildProcess;
  /** The next line that it prints. */
  line(): Promise<string>;
}

function startChild(dir: string, what: 'race' | 'hang'): Child {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'put-in-child.ts'), dir, what], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]() as AsyncIterator<string>;
  return { process: child, line: async () => (await lines.next()).value as string };
}
