/** What the three providers are asked over HTTP, and what becomes of their answers. */
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/platform/logger.ts';
import type { BlobStore } from '../../../src/storage/blob/blob-store.ts';
import { sourceOf } from '../../support/blob-source.ts';
import { openStoreOf } from '../../support/blob-environment.ts';
import { BlobServer, type Answer, type SeenRequest } from './blob-server.ts';
import { onlyIfAbsent, overwrite } from './blob-store-suite.ts';
import { secrets, wires, type Purpose, type Wire } from './wire.ts';

const blob = { bucket: 'exports', name: 'aa/file.zip' };
const content = Buffer.from('bytes');
const patience = { tries: 3, silenceMs: 2_000, firstPauseMs: 5 };
const quick = { ...patience, tries: 2, silenceMs: 150 };
/** Gives up as soon, but tries as often as it takes on a busy machine. */
const persistent = { ...quick, tries: 40, firstPauseMs: 0 };

interface Opened extends AsyncDisposable {
  readonly store: BlobStore;
  /** Requests of that purpose. */
  seen(purpose: Purpose): SeenRequest[];
}

interface Options {
  readonly answer: (purpose: Purpose, request: SeenRequest, number: number) => Answer;
  readonly terms?: typeof patience;
  readonly environment?: Record<string, string>;
}

async function open(wire: Wire, { answer, terms = patience, environment = {} }: Options): Promise<Opened> {
  const server: BlobServer = await BlobServer.open((request, number) => {
    const purpose = wire.purpose(request);
    return purpose === 'begin' ? wire.begins(server.port) : answer(purpose, request, number);
  });
  const all = { ENMESH_CREATE_BUCKETS: 'false', ...wire.environment(server.port), ...environment };
  return {
    store: await openStoreOf(all, terms),
    seen: (purpose) => server.requests.filter((request) => wire.purpose(request) === purpose),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe.each(Object.entries(wires))('%s', (_, wire) => {
  it('Export decision 3: sends with each file that it must not exist yet, with its type and how long to keep it', async () => {
    await using opened = await open(wire, { answer: () => wire.written });
    expect(await opened.store.put(blob, content, onlyIfAbsent)).toBe('written');
    const [write, ...others] = opened.seen('write');
    expect(others).toEqual([]);
    expect(wire.absent(write!)).toBe(true);
    expect(wire.described(write!)).toEqual(['text/plain', 'no-cache']);
    expect(write!.body.includes('bytes')).toBe(true);
  });

  it('Export decision 3: a file that exists is told as such, and not asked for again', async () => {
    await using opened = await open(wire, { answer: () => wire.refusal });
    expect(await opened.store.put(blob, content, onlyIfAbsent)).toBe('exists');
    expect(await opened.store.put(blob, sourceOf(content), onlyIfAbsent)).toBe('exists');
    expect(opened.seen('write').length + opened.seen('begin').length).toBeGreaterThanOrEqual(1);
    expect(opened.seen('write').length).toBeLessThanOrEqual(2);
  });

  it('writes a source anew from its first byte when the store is overloaded', async () => {
    let writes = 0;
    await using opened = await open(wire, {
      answer: () => (++writes < 3 ? { status: 503, headers: { 'content-length': '0' } } : wire.written),
    });
    let readings = 0;
    const source = { size: 5, open: () => (readings++, Readable.from([content])) };
    expect(await opened.store.put(blob, source, onlyIfAbsent)).toBe('written');
    expect(readings).toBe(3);
    for (const write of opened.seen('write')) expect(write.body.includes('bytes')).toBe(true);
  });

  it('takes no harm from an answer that comes after it was given up', async () => {
    const late = Promise.withResolvers<undefined>();
    const answer = { ...(wire.content('bytes') as object), after: late.promise } as Answer;
    let reads = 0;
    await using opened = await open(wire, {
      answer: () => (++reads === 1 ? answer : wire.content('bytes')),
      terms: persistent,
    });
    const read = await opened.store.read(blob);
    expect(await buffer(read!.body)).toEqual(content);
    late.resolve(undefined);
    // A client that chokes on it rejects a promise that nobody holds, which ends the run of these tests.
    for (let more = 0; more < 5; more++) await buffer((await opened.store.read(blob))!.body);
    expect(reads).toBeGreaterThanOrEqual(7);
  });

  it('answers while readers of many blobs take their time', async () => {
    const unfinished = { ...(wire.content('by') as object), unfinished: true } as Answer;
    await using opened = await open(wire, {
      answer: (purpose) => (purpose === 'read' ? unfinished : wire.found),
    });
    const reads = await Promise.all(Array.from({ length: 60 }, () => opened.store.read(blob)));
    expect(reads.map((read) => read?.info.size)).toEqual(Array.from({ length: 60 }, () => 5));
    expect(await opened.store.stat(blob)).toMatchObject({ size: 5 });
    for (const read of reads) read?.body.destroy();
  });

  it('tells after its last try that the store does not work', async () => {
    await using opened = await open(wire, { answer: () => ({ status: 503, headers: { 'content-length': '0' } }) });
    await expect(opened.store.put(blob, content, onlyIfAbsent)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'blob_store_unavailable',
      cause: { message: expect.stringContaining('answered 503') },
    });
    expect(opened.seen('write')).toHaveLength(patience.tries);
  });

  it('finds the file when the answer to a write that succeeded was lost', async () => {
    let writes = 0;
    await using opened = await open(wire, { answer: () => (++writes === 1 ? 'cut' : wire.refusal) });
    expect(await opened.store.put(blob, content, onlyIfAbsent)).toBe('exists');
    expect(writes).toBe(2);
  });

  it('finds the file where the store hangs up on every write before it says why', async () => {
    await using opened = await open(wire, { answer: (purpose) => (purpose === 'look' ? wire.found : 'cut') });
    expect(await opened.store.put(blob, content, onlyIfAbsent)).toBe('exists');
    expect(opened.seen('write')).toHaveLength(patience.tries);
  });

  it('overwrites only what it has seen, and looks again when that has changed', async () => {
    let writes = 0;
    await using opened = await open(wire, {
      answer: (purpose) => {
        if (purpose === 'look') return wire.found;
        return ++writes === 1 ? wire.refusal : wire.written;
      },
    });
    expect(await opened.store.put(blob, content, overwrite)).toBe('written');
    expect(opened.seen('look')).toHaveLength(2);
    for (const write of opened.seen('write')) expect(wire.unchanged(write)).toBe(true);
  });

  it('names cause and cure when it is refused, asks once, and puts no secret into error or log', async () => {
    await using opened = await open(wire, { answer: (_purpose, request) => wire.denied(request) });
    const error: unknown = await opened.store.put(blob, content, onlyIfAbsent).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      kind: 'unavailable',
      code: 'blob_store_denied',
      message: expect.stringContaining('give it credentials'),
      cause: { message: expect.stringMatching(/answered 403: \w+$/) },
    });
    const [write, ...others] = opened.seen('write');
    expect(others).toEqual([]);
    const lines: string[] = [];
    createLogger({ level: 'info', pretty: false, destination: { write: (line) => void lines.push(line) } }).error(
      { err: error },
      'failed',
    );
    const told = `${lines.join()}${JSON.stringify(error, Object.getOwnPropertyNames(error))}`;
    const signature = /(?:Signature=|:)([^=:]+=?)$/.exec(write!.headers.authorization ?? ':none of it')?.[1];
    for (const secret of [...secrets, '127.0.0.1', signature]) {
      expect(told).not.toContain(secret);
    }
  });

  it('names the missing bucket and the cure', async () => {
    await using opened = await open(wire, { answer: () => wire.noBucket });
    await expect(opened.store.put(blob, content, onlyIfAbsent)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'blob_bucket_missing',
      message: expect.stringContaining('ENMESH_CREATE_BUCKETS'),
    });
  });

  it('does not wait for a store that hangs', async () => {
    await using opened = await open(wire, { answer: () => 'hang', terms: quick });
    const fault = { kind: 'unavailable', code: 'blob_store_unavailable' };
    await expect(opened.store.put(blob, content, onlyIfAbsent)).rejects.toMatchObject(fault);
    await expect(opened.store.put(blob, sourceOf(content), onlyIfAbsent)).rejects.toMatchObject(fault);
    await expect(opened.store.stat(blob)).rejects.toMatchObject(fault);
    await expect(opened.store.read(blob)).rejects.toMatchObject(fault);
    await expect(opened.store.delete(blob)).rejects.toMatchObject(fault);
    await expect(Array.fromAsync(opened.store.list('exports', ''))).rejects.toMatchObject(fault);
  });

  it('gives an error, not a shorter file, when a body hangs', async () => {
    await using opened = await open(wire, {
      answer: () => ({ ...(wire.content('byt') as Exclude<Answer, string>), unfinished: true }),
      terms: quick,
    });
    const read = await opened.store.read(blob);
    expect(read!.info).toMatchObject({ size: 5 });
    await expect(buffer(read!.body)).rejects.toMatchObject({ code: 'blob_store_unavailable' });
  });

  it('reads size, etag and content in one request', async () => {
    await using opened = await open(wire, { answer: () => wire.content('bytes') });
    const read = await opened.store.read(blob);
    expect(await buffer(read!.body)).toEqual(content);
    expect(read!.info).toEqual({ size: 5, etag: expect.stringContaining('7') });
    expect(opened.seen('read')).toHaveLength(1);
    expect(opened.seen('look')).toHaveLength(0);
  });

  it('lists page after page', async () => {
    await using opened = await open(wire, {
      answer: (_purpose, request) =>
        wire.asksNext(request) === 'second' ? wire.page(['a/3'], '') : wire.page(['a/1', 'a/2'], 'second'),
    });
    expect(await Array.fromAsync(opened.store.list('exports', 'a/'))).toEqual(['a/1', 'a/2', 'a/3']);
    expect(opened.seen('list')).toHaveLength(2);
  });

  it('says which names a bucket may have, before it asks', async () => {
    await using opened = await open(wire, { answer: () => 'hang' });
    await expect(opened.store.put({ ...blob, bucket: 'Exports' }, content, onlyIfAbsent)).rejects.toMatchObject({
      code: 'blob_name_invalid',
      message: expect.stringMatching(/cannot be a bucket of .*3 to 63 lower-case letters/),
    });
    await expect(opened.store.stat({ ...blob, bucket: 'ab' })).rejects.toMatchObject({ code: 'blob_name_invalid' });
  });
});
