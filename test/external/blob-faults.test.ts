/** Networks that break between us and a blob store, and files larger than memory should be. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { bucket, onlyIfAbsent, someBlob } from '../storage/blob/blob-store-suite.ts';
import { openStoreOf } from '../support/blob-environment.ts';
import { liveBufferBytes } from '../support/live-memory.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { blobEmulators } from './blob-emulators.ts';

const pieceBytes = 64 * 1024;
const megabyte = 1024 * 1024;
/** Memory is measured each time that so many bytes have moved. */
const lookEvery = 16 * megabyte;
const unavailable = { kind: 'unavailable', code: 'blob_store_unavailable' };

/** So many bytes, each piece made when it is wanted; `moved` is called before each. */
function largeSource(size: number, moved: (given: number) => unknown): { size: number; open: () => Readable } {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let given = 0; given < size; given += pieceBytes) {
      await moved(given);
      yield Buffer.alloc(pieceBytes, given / pieceBytes);
    }
  }
  return { size, open: () => Readable.from(pieces(), { objectMode: false }) };
}

// moto takes minutes for a chunked body of that size.
describe.each(Object.entries(blobEmulators))('%s', { timeout: 120_000 }, (name, start) => {
  it('has nothing of a file whose upload was cut in the middle, and takes it the next time', async (context) => {
    await using emulator = await start(context);
    await using proxy = await TcpProxy.open(emulator.port);
    const patience = { tries: 2, silenceMs: 3_000, firstPauseMs: 10 };
    const store = await openStoreOf(emulator.environment(proxy.port), patience);
    await store.put({ bucket, name: 'makes/the/bucket' }, Buffer.from('x'), onlyIfAbsent);
    const blob = someBlob();
    let isCut = true;
    const source = largeSource(8 * megabyte, (given) => {
      if (isCut && given >= 4 * megabyte) proxy.cut();
    });
    await expect(store.put(blob, source, onlyIfAbsent)).rejects.toMatchObject(unavailable);
    expect(await store.stat(blob)).toBeNull();
    expect(await Array.fromAsync(store.list(bucket, blob.name))).toEqual([]);
    isCut = false;
    expect(await store.put(blob, source, onlyIfAbsent)).toBe('written');
    expect(await store.stat(blob)).toMatchObject({ size: source.size });
  });

  it.skipIf(name.startsWith('moto'))('takes and gives 160 MB in a fraction of that memory', async (context) => {
    await using emulator = await start(context);
    const store = await openStoreOf(emulator.environment());
    await store.put({ bucket, name: 'makes/the/bucket' }, Buffer.from('x'), onlyIfAbsent);
    const blob = someBlob();
    const before = await liveBufferBytes();
    let most = 0;
    const look = async (): Promise<void> => void (most = Math.max(most, (await liveBufferBytes()) - before));
    const source = largeSource(160 * megabyte, async (given) => {
      if (given % lookEvery === 0) await look();
    });
    expect(await store.put(blob, source, onlyIfAbsent)).toBe('written');
    const read = await store.read(blob);
    let size = 0;
    for await (const piece of read!.body as AsyncIterable<Buffer>) {
      if (Math.floor((size + piece.length) / lookEvery) > Math.floor(size / lookEvery)) await look();
      size += piece.length;
    }
    expect(size).toBe(source.size);
    expect(most).toBeLessThan(32 * megabyte);
  });
});
