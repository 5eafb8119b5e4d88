/** ImportService over real gRPC, `enmesh import`, and quarantine. */
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { importJobs, importSchedules } from '../../../src/federation/import/jobs.ts';
import { createImportService } from '../../../src/federation/import/service.ts';
import { ImportServiceDefinition } from '../../../src/gen/enmesh/federation/v1/import.ts';
import { createGrpcClient, type GrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { cleanUp } from '../../../src/server/operations/cleanup.ts';
import { openBlobStore } from '../../../src/storage/blob/open.ts';
import { sampleRow, sampleSigner, sampleZip, temporaryFolder } from '../../support/export-file.ts';
import { foreignBin, signedZip } from './foreign-file.ts';
import { NOW, openImporter, startUpstream, storedKeys, type Importer, type Upstream } from './upstream.ts';

interface Served extends AsyncDisposable {
  readonly importer: Importer;
  readonly upstream: Upstream;
  readonly target: string;
  readonly client: GrpcClient<typeof ImportServiceDefinition>['client'];
}

async function serve(): Promise<Served> {
  const importer = await openImporter();
  const upstream = await startUpstream();
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(ImportServiceDefinition, createImportService(importer.deps, new AbortController().signal))],
    isReady: () => Promise.resolve(true),
    logger: importer.deps.logger,
    metrics: importer.deps.metrics,
  });
  const target = `127.0.0.1:${String(server.address.port)}`;
  const { client, close } = createGrpcClient(ImportServiceDefinition, target, {});
  return {
    importer,
    upstream,
    target,
    client,
    [Symbol.asyncDispose]: async () => {
      close();
      await server.stop();
      await upstream[Symbol.asyncDispose]();
      await importer[Symbol.asyncDispose]();
    },
  };
}

describe('RunImports', () => {
  it('tells how far it is after the index and after each file, and when it is done', async () => {
    await using served = await serve();
    const { importer, upstream, client } = served;
    await importer.add(upstream.url);
    upstream.publish({
      '1.zip': await sampleZip({ rows: [sampleRow(1)], signers: [importer.signer] }),
      '2.zip': await sampleZip({ rows: [sampleRow(2)], signers: [importer.signer] }),
    });
    const told = await Array.fromAsync(client.runImports({}));
    expect(told.map(({ import: state, isDone }) => [state!.listedFiles, state!.importedFiles, isDone])).toEqual([
      [2, 0, false],
      [2, 1, false],
      [2, 2, false],
      [2, 2, true],
    ]);
    expect(told.at(-1)).toMatchObject({ import: { name: 'cc', insertedKeys: 2n, indexReadAt: NOW } });
  });

  it('is for one import when it names one, and refuses a name that is not there', async () => {
    await using served = await serve();
    const { importer, upstream, client } = served;
    await importer.add(upstream.url, { name: 'aa' });
    await importer.add(upstream.url, { name: 'bb' });
    const told = await Array.fromAsync(client.runImports({ name: 'bb' }));
    expect(new Set(told.map(({ import: state }) => state!.name))).toEqual(new Set(['bb']));
    const unknown = { kind: 'not_found', code: 'import_not_found' };
    await expect(Array.fromAsync(client.runImports({ name: 'dd' }))).rejects.toMatchObject(unknown);
    await expect(client.listImports({ name: 'dd' })).rejects.toMatchObject(unknown);
    await expect(client.retryImports({ name: 'dd' })).rejects.toMatchObject(unknown);
    expect((await client.listImports({})).imports.map(({ name }) => name)).toEqual(['aa', 'bb']);
  });
});

describe('RetryImports', () => {
  it('lets a file be tried at once that was given up', async () => {
    await using served = await serve();
    const { importer, upstream, client } = served;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': 500 });
    await importer.run();
    await importer.deps.database.query(`update import_files set status = 'failed', attempts = 24`);
    upstream.publish({ '1.zip': await sampleZip({ signers: [importer.signer] }) });
    await importer.run();
    expect(await importer.state()).toMatchObject({ failedFiles: 1 });
    expect(await client.retryImports({})).toEqual({ files: 1, keys: 0n });
    await importer.run();
    expect(await importer.state()).toMatchObject({ failedFiles: 0, importedFiles: 1, insertedKeys: 2 });
  });

  it('takes in quarantined keys that have become acceptable, and leaves the others with their reason', async () => {
    await using served = await serve();
    const { importer, upstream, client } = served;
    await importer.add(upstream.url);
    const tomorrow = { keyData: sampleRow(1).key, rollingStartIntervalNumber: 2_650_176, reportType: 2 };
    const bad = { keyData: sampleRow(2).key, rollingStartIntervalNumber: 2_649_456, transmissionRiskLevel: 9 };
    const bin = foreignBin({ keys: [tomorrow, bad], revisedKeys: [{ ...tomorrow, reportType: 5 }] });
    upstream.publish({ '1.zip': await signedZip(bin, importer.signer) });
    await importer.run();
    expect((await importer.state()).quarantine).toEqual({ in_future: 2, transmission_risk: 1 });
    importer.clock.advance(4 * 86_400_000);
    expect(await client.retryImports({ name: 'cc' })).toEqual({ files: 0, keys: 2n });
    expect(await client.retryImports({ name: 'cc' })).toEqual({ files: 0, keys: 0n });
    expect((await storedKeys(importer))[0]).toMatchObject({ report_type: 2, revised_report_type: 5, regions: ['CC'] });
    expect((await importer.state()).quarantine).toEqual({ transmission_risk: 1 });
  });
});

describe('clean-up', () => {
  it('deletes refused keys after the retention, and files when they have left the index for so long', async () => {
    await using served = await serve();
    await using folder = await temporaryFolder();
    const { importer, upstream } = served;
    const id = await importer.add(upstream.url);
    const bad = { keyData: sampleRow(2).key, rollingStartIntervalNumber: 2_649_456, transmissionRiskLevel: 9 };
    upstream.publish({ '1.zip': await signedZip(foreignBin({ keys: [bad] }), importer.signer) });
    await importer.run();
    const { deps } = importer;
    const blobStore = await openBlobStore({ kind: 'filesystem', dir: folder.path });
    const clean = async () => {
      const settings = { retentionSeconds: 86_400, maxIntervalAgeSeconds: 15 * 86_400 };
      await cleanUp({ ...deps, blobStore, settings }, new AbortController().signal);
    };
    importer.clock.advance(86_400_000);
    await clean();
    expect((await importer.state()).quarantine).toEqual({ transmission_risk: 1 });
    importer.clock.advance(1);
    await clean();
    // Still listed: without its row it would be imported again.
    expect(await importer.state()).toMatchObject({ quarantine: {}, importedFiles: 1 });
    upstream.publish({ '2.zip': 404 });
    await importer.run();
    importer.clock.advance(86_400_001);
    await clean();
    const { rows } = await deps.database.query('select name from import_files where import_id = $1', [id]);
    expect(rows).toEqual([{ name: '2.zip' }]);
  });
});

describe('the job', () => {
  it('imports what is due, at least once a minute', async () => {
    await using served = await serve();
    const { importer, upstream } = served;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': await sampleZip({ signers: [importer.signer] }) });
    const [job] = importJobs(importer.deps);
    await job!.run(undefined, { signal: new AbortController().signal, logger: importer.deps.logger });
    expect(await storedKeys(importer)).toHaveLength(2);
    expect(importSchedules(importer.deps)).toEqual([{ job: 'import.run', everySeconds: 60 }]);
    const { body } = await importer.deps.metrics.render();
    expect(body).toContain('enmesh_import_files{state="waiting"} 0');
    expect(body).toContain('enmesh_import_files_total{outcome="imported"} 1');
    expect(body).toContain('enmesh_import_unread_seconds 0');
  });
});

describe('enmesh import', () => {
  it('runs, tells where each import stands, and ends with 0 when all is well', async () => {
    await using served = await serve();
    const { importer, upstream, target } = served;
    expect((await runCommand(['import', '--server', target])).stdout).toBe('no import is configured\n');
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': await sampleZip({ signers: [importer.signer] }) });
    const { exitCode, stdout, stderr } = await runCommand(['import'], { env: { ENMESH_FEDERATION_TARGET: target } });
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^cc +1 +1 +0 +0 +2 +0 +0 {2}2020-05-20T10:11:00Z$/m);
  });

  it('ends with 1 when an index or a file failed, and names each with its reason', async () => {
    await using served = await serve();
    const { importer, upstream, target } = served;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': await sampleZip({ signers: [sampleSigner()] }) });
    const failed = await runCommand(['import', 'cc', '--server', target]);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toBe('enmesh: 1 of 1 import failed\n');
    expect(failed.stdout).toContain(
      'cc: 1.zip: no signature holds: the one of 310/v1 is wrong (1 try, next try at 2020-05-20T10:12:00Z)\n',
    );
    upstream.answers.set('index.txt', 500);
    upstream.answers.set('1.zip', await sampleZip({ signers: [importer.signer] }));
    const noIndex = await runCommand(['import', '--retry', '--server', target]);
    expect(noIndex.exitCode).toBe(1);
    expect(noIndex.stdout).toContain('1 file opened again, 0 keys left the quarantine\n');
    expect(noIndex.stdout).toContain('cc: index: the index answers with status 500\n');
    expect(await storedKeys(importer)).toHaveLength(2);
  });

  it('lists without doing anything, also as JSON', async () => {
    await using served = await serve();
    const { importer, upstream, target } = served;
    await importer.add(upstream.url);
    const { exitCode, stdout } = await runCommand(['import', '--list', '--json', '--server', target]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ imports: [{ name: 'cc', listedFiles: 0, insertedKeys: 0 }] });
    expect(upstream.asked).toEqual([]);
    expect((await runCommand(['import', '--list', '--retry', '--server', target])).exitCode).toBe(2);
    expect((await runCommand(['import', 'dd', '--server', target])).exitCode).toBe(1);
  });
});
