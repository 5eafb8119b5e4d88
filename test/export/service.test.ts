/** ExportService over real gRPC: what the gateway reads, and what operators ask for. */
import { describe, expect, it } from 'vitest';
import { createExportService } from '../../src/export/service.ts';
import {
  BatchStatus,
  ExportServiceDefinition,
  type GetFileRequest,
  type GetFileResponse,
} from '../../src/gen/enmesh/export/v1/export.ts';
import { createGrpcClient, type GrpcClient } from '../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { writeHold } from '../../src/storage/holds.ts';
import { insertExport, insertKeys, NOW, openExportRole, readBlob, type ExportRole } from '../support/export-role.ts';

const FILE = '1607590800-1607594400-00001.zip';

type Client = GrpcClient<typeof ExportServiceDefinition>['client'];

async function serve(settings = {}): Promise<ExportRole & { readonly client: Client }> {
  const role = await openExportRole(settings);
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(ExportServiceDefinition, createExportService(role.deps))],
    isReady: () => Promise.resolve(true),
    logger: role.deps.logger,
    metrics: role.deps.metrics,
  });
  const { client, close } = createGrpcClient(ExportServiceDefinition, `127.0.0.1:${server.address.port}`, {});
  return {
    ...role,
    client,
    [Symbol.asyncDispose]: async () => {
      close();
      await server.stop();
      await role[Symbol.asyncDispose]();
    },
  };
}

async function getFile(client: Client, request: Partial<GetFileRequest>): Promise<GetFileResponse['part'][]> {
  const messages = client.getFile({ filenameRoot: 'aa', file: FILE, ...request });
  return (await Array.fromAsync(messages)).map(({ part }) => part);
}

function bytesOf(parts: GetFileResponse['part'][]): Buffer {
  return Buffer.concat(parts.map((part) => (part?.$case === 'chunk' ? part.value : Buffer.alloc(0))));
}

describe('Run', () => {
  it('tells each batch as it ends, with its files, and the index lists them', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 12 });
    const told = await Array.fromAsync(role.client.run({}));
    expect(told).toMatchObject([
      { batch: undefined, progress: { done: 0, total: 1, keys: 0n } },
      {
        progress: { done: 1, total: 1, keys: 12n },
        batch: {
          exportName: 'aa',
          start: new Date('2020-12-10T09:00:00Z'),
          end: new Date('2020-12-10T10:00:00Z'),
          status: BatchStatus.COMPLETE,
          attempts: 1,
          lastError: '',
          files: [{ name: `aa/${FILE}`, keys: 12, revisedKeys: 0 }],
        },
      },
    ]);
    const { content, etag } = await role.client.getIndex({ filenameRoot: 'aa' });
    expect(Buffer.from(content).toString()).toBe(`aa/${FILE}`);
    expect(etag).toMatch(/^[0-9a-f]{32}$/);
    expect(await Array.fromAsync(role.client.run({}))).toEqual([]);
  });

  it('includes batches that failed, with the reason', async () => {
    await using role = await serve();
    await insertExport(role, { signingKeys: [] });
    await insertKeys(role.deps.database, { count: 12 });
    const [, told] = await Array.fromAsync(role.client.run({}));
    expect(told).toMatchObject({
      batch: { status: BatchStatus.OPEN, attempts: 1, files: [], notBefore: new Date(NOW.getTime() + 5_000) },
      progress: { done: 1, total: 1, keys: 0n },
    });
    expect(told!.batch!.lastError).toContain('no_active_signer');
  });

  it('is for one export when it names one, and refuses a name that is not there', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertExport(role, { name: 'bb' });
    const told = await Array.fromAsync(role.client.run({ name: 'bb' }));
    expect(told.map(({ batch }) => batch?.exportName)).toEqual([undefined, 'bb']);
    await expect(Array.fromAsync(role.client.run({ name: 'cc' }))).rejects.toMatchObject({ code: 'export_not_found' });
  });

  it('waits for batches that another run has in hand and tells them too', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    const runs = await Promise.all([1, 2].map(async () => await Array.fromAsync(role.client.run({}))));
    const ended = runs.flat().filter(({ batch }) => batch !== undefined);
    expect(ended.length).toBeGreaterThanOrEqual(1);
    for (const { batch } of ended) {
      expect(batch).toMatchObject({ status: BatchStatus.COMPLETE, attempts: 1 });
    }
  });
});

describe('published files', () => {
  it('come with their size and validator, in chunks of at most 64 KiB, whole or in part', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 10_000 });
    await Array.fromAsync(role.client.run({}));
    const zip = (await readBlob(role, `aa/${FILE}`))!;
    const parts = await getFile(role.client, {});
    expect(parts[0]).toEqual({
      $case: 'header',
      value: { size: BigInt(zip.length), etag: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    });
    const sizes = parts.slice(1).map((part) => (part?.$case === 'chunk' ? part.value.length : -1));
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    expect(bytesOf(parts).equals(zip)).toBe(true);
    const part = await getFile(role.client, { offset: 100n, length: 70_000n });
    expect(bytesOf(part).equals(zip.subarray(100, 70_100))).toBe(true);
    const tail = await getFile(role.client, { offset: BigInt(zip.length - 3) });
    expect(bytesOf(tail).equals(zip.subarray(-3))).toBe(true);
    await expect(getFile(role.client, { offset: BigInt(zip.length) + 1n })).rejects.toMatchObject({
      code: 'bad_range',
    });
  });

  it('are found by exact names only', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await Array.fromAsync(role.client.run({}));
    for (const file of ['index.txt', `../aa/${FILE}`, '1607590800-1607594400-00002.zip', '']) {
      await expect(getFile(role.client, { file })).rejects.toMatchObject({ code: 'file_not_found' });
    }
    for (const filenameRoot of ['AA', 'bb', '']) {
      await expect(getFile(role.client, { filenameRoot })).rejects.toMatchObject({ code: 'export_not_found' });
      await expect(role.client.getIndex({ filenameRoot })).rejects.toMatchObject({ code: 'export_not_found' });
    }
  });

  it('are readable until the grace after they left the index is over', async () => {
    await using role = await serve();
    await insertExport(role, { graceSeconds: 60 });
    await insertKeys(role.deps.database, { count: 5 });
    const [, told] = await Array.fromAsync(role.client.run({}));
    await role.client.reprocess({ batchId: told!.batch!.id });
    role.clock.advance(59_999);
    expect(await getFile(role.client, {})).toHaveLength(2);
    role.clock.advance(1);
    await expect(getFile(role.client, {})).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('that the blob store has lost are not there, and nothing is sent of them', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await Array.fromAsync(role.client.run({}));
    await role.deps.blobStore.delete({ bucket: 'exports', name: `aa/${FILE}` });
    const parts: unknown[] = [];
    const reading = (async () => {
      for await (const part of role.client.getFile({ filenameRoot: 'aa', file: FILE })) parts.push(part);
    })();
    await expect(reading).rejects.toMatchObject({ kind: 'not_found', code: 'file_not_found' });
    expect(parts).toEqual([]);
  });

  it('tell their size and validator to who wants nothing else', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await Array.fromAsync(role.client.run({}));
    const size = BigInt((await readBlob(role, `aa/${FILE}`))!.length);
    const [header, ...bytes] = await getFile(role.client, { offset: size });
    expect(header).toMatchObject({ $case: 'header', value: { size } });
    expect(bytesOf(bytes)).toHaveLength(0);
  });

  it('are not readable before they are listed', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await Array.fromAsync(role.client.run({}));
    await role.deps.database.query(`update files set status = 'uploaded'`);
    await expect(getFile(role.client, {})).rejects.toMatchObject({ code: 'file_not_found' });
  });
});

describe('an index that was never written', () => {
  it('is empty', async () => {
    await using role = await serve();
    await insertExport(role);
    expect((await role.client.getIndex({ filenameRoot: 'aa' })).content).toHaveLength(0);
  });
});

describe('operators', () => {
  it('list batches, newest window first, of one export or all', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertExport(role, { name: 'bb' });
    await Array.fromAsync(role.client.run({}));
    role.clock.advance(3_600_000);
    await Array.fromAsync(role.client.run({}));
    const { batches } = await role.client.listBatches({ name: 'aa' });
    expect(batches.map(({ end }) => end?.toISOString().slice(11, 13))).toEqual(['11', '10']);
    expect((await role.client.listBatches({})).batches).toHaveLength(4);
    expect((await role.client.listBatches({ limit: 3 })).batches).toHaveLength(3);
  });

  it('reprocess a batch and get its new files', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    const [, told] = await Array.fromAsync(role.client.run({}));
    const { batch } = await role.client.reprocess({ batchId: told!.batch!.id });
    expect(batch).toMatchObject({
      status: BatchStatus.COMPLETE,
      files: [{ name: 'aa/1607590801-1607594401-00001.zip', keys: 5 }],
    });
    await expect(role.client.reprocess({ batchId: 99n })).rejects.toMatchObject({ kind: 'not_found' });
  });

  it('rotate signing keys and read them, and phones get both public keys', async () => {
    await using role = await serve();
    await insertExport(role);
    role.clock.advance(1000);
    const { key } = await role.client.rotateSigningKey({ name: 'main', overlapSeconds: 60 });
    const { rows: audit } = await role.deps.database.query('select actor, action, subject from audit');
    expect(audit).toEqual([{ actor: 'local', action: 'rotate', subject: 'signingKeys/main' }]);
    expect(key?.versions.map(({ keyVersion }) => keyVersion)).toEqual(['v2', 'v1']);
    expect(await role.client.getSigningKey({ name: 'main' })).toEqual({ key });
    const { keys } = await role.client.getPublicKeys({ filenameRoot: 'aa' });
    expect(keys).toEqual(key?.versions);
    expect(keys[1]).toMatchObject({ from: NOW, thru: new Date(NOW.getTime() + 61_000) });
    await expect(role.client.getSigningKey({ name: 'other' })).rejects.toMatchObject({ code: 'signing_key_not_found' });
  });
});

describe('an export on hold', () => {
  it('hands out neither index nor files, but its public keys', async () => {
    await using role = await serve();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 12 });
    await Array.fromAsync(role.client.run({}));
    await writeHold(role.deps.database, 'exports', { name: 'aa', release: false, at: null });
    const onHold = { kind: 'forbidden', code: 'on_hold' };
    await expect(role.client.getIndex({ filenameRoot: 'aa' })).rejects.toMatchObject(onHold);
    await expect(getFile(role.client, {})).rejects.toMatchObject(onHold);
    expect((await role.client.getPublicKeys({ filenameRoot: 'aa' })).keys).toHaveLength(1);

    await writeHold(role.deps.database, 'exports', { name: 'aa', release: true, at: null });
    expect(bytesOf(await getFile(role.client, {})).length).toBeGreaterThan(0);
  });
});
