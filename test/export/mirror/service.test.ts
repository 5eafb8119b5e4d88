/** Mirrors over gRPC, as `enmesh mirror` and the gateway see them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExportService } from '../../../src/export/service.ts';
import { createMirrorService } from '../../../src/export/mirror/service.ts';
import { ExportServiceDefinition } from '../../../src/gen/enmesh/export/v1/export.ts';
import { MirrorServiceDefinition } from '../../../src/gen/enmesh/export/v1/mirror.ts';
import { createGrpcClient, type GrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer, type RunningGrpcServer } from '../../../src/platform/grpc/server.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleRow, sampleSigner, sampleZip } from '../../support/export-file.ts';
import { openExportRole, type ExportRole } from '../../support/export-role.ts';
import { openMirrorRole, type MirrorRole } from '../../support/mirror.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';

const signer = sampleSigner();
const zip = await sampleZip({ rows: [sampleRow(1)], signers: [signer] });
const files = { 'aa/1-2-00001.zip': zip, 'aa/other-name.zip': zip };

let upstream: Upstream;
let role: MirrorRole;
let exportRole: ExportRole;
let server: RunningGrpcServer;
let target: string;
let exports: GrpcClient<ExportServiceDefinition>;

beforeAll(async () => {
  [upstream, role, exportRole] = await Promise.all([startUpstream(files), openMirrorRole(), openExportRole()]);
  const published = { ...exportRole.deps, database: role.deps.database, blobStore: role.deps.blobStore };
  server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [
      grpcService(ExportServiceDefinition, createExportService(published)),
      grpcService(MirrorServiceDefinition, createMirrorService(role.deps, new AbortController().signal)),
    ],
    isReady: () => Promise.resolve(true),
    logger: role.deps.logger,
    metrics: new Metrics(),
  });
  target = `127.0.0.1:${String(server.address.port)}`;
  exports = createGrpcClient(ExportServiceDefinition, target, {});
});

afterAll(async () => {
  exports.close();
  await server.stop();
  await Promise.all([upstream, role, exportRole].map((part) => part[Symbol.asyncDispose]()));
});

async function mirror(...words: string[]): ReturnType<typeof runCommand> {
  return await runCommand(['mirror', '--server', target, ...words]);
}

describe('enmesh mirror', () => {
  it('says that there is none, and that a name is nobody’s', async () => {
    expect(await mirror()).toMatchObject({ exitCode: 0, stdout: 'no mirror is configured\n' });
    for (const words of [['nobody'], ['nobody', '--list']]) {
      expect(await mirror(...words)).toMatchObject({ exitCode: 1, stderr: 'enmesh: no mirror has this name\n' });
    }
  });

  it('brings mirrors up to date, tells each, and fails when one is not', async () => {
    await role.add(upstream);
    const good = await mirror();
    expect(good.stderr).toBe('');
    expect(good.exitCode).toBe(0);
    expect(good.stdout).toMatch(/^m +2 +2 +2 +0 +0 {2}2090-03-20T10:00:00Z$/m);
    await role.add({ ...upstream, indexUrl: `${upstream.baseUrl}none` }, { name: 'broken' });
    const bad = await mirror();
    expect(bad.exitCode).toBe(1);
    expect(bad.stderr).toBe('enmesh: 1 of 2 mirrors could not be brought up to date\n');
    expect(bad.stdout).toMatch(/^broken +0 +0 +0 +0 +0 {2}- +the index answers with status 404$/m);
    expect(await mirror('m')).toMatchObject({ exitCode: 0 });
  });

  it('only shows where they stand when asked to, as JSON too', async () => {
    upstream.requests.length = 0;
    const { exitCode, stdout } = await mirror('--list', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      mirrors: [
        { name: 'broken', lastError: 'the index answers with status 404', mirroredFiles: 0 },
        { name: 'm', listedFiles: 2, mirroredFiles: 2, failedFiles: 0, lastError: '' },
      ],
    });
    expect(upstream.requests).toEqual([]);
  });

  it('tells progress and then the end of each, once', async () => {
    const { client, close } = createGrpcClient(MirrorServiceDefinition, target, {});
    const ends: string[] = [];
    for await (const { mirror: told, isDone } of client.runMirrors({ name: 'm' })) {
      expect(told?.name).toBe('m');
      if (isDone) ends.push(told?.name ?? '');
    }
    expect(ends).toEqual(['m']);
    close();
  });
});

describe('the gateway', () => {
  it('is given the index and the files of a mirror under its root, whatever they are called', async () => {
    const { content } = await exports.client.getIndex({ filenameRoot: 'm' });
    expect(content.toString()).toBe('m/1-2-00001.zip\nm/other-name.zip');
    const parts = await Array.fromAsync(exports.client.getFile({ filenameRoot: 'm', file: 'other-name.zip' }));
    const chunks = parts.flatMap(({ part }) => (part?.$case === 'chunk' ? [part.value] : []));
    expect(Buffer.concat(chunks)).toEqual(zip);
  });

  it('is given nothing that is not a copy, and no public keys, which are the other authority’s', async () => {
    for (const file of ['index.txt', '9-9-00001.zip', '../m/other-name.zip']) {
      await expect(Array.fromAsync(exports.client.getFile({ filenameRoot: 'm', file }))).rejects.toMatchObject({
        code: 'file_not_found',
      });
    }
    await expect(exports.client.getPublicKeys({ filenameRoot: 'm' })).rejects.toMatchObject({
      code: 'export_not_found',
    });
    await expect(exports.client.getIndex({ filenameRoot: 'M' })).rejects.toMatchObject({ code: 'export_not_found' });
  });
});

it('metrics count runs and files, and tell how long the oldest mirror has gone unread', async () => {
  role.deps.clock.advance(90_000);
  const { body } = await role.deps.metrics.render();
  expect(body).toMatch(/^enmesh_mirror_runs_total{result="completed"} [1-9]/m);
  expect(body).toMatch(/^enmesh_mirror_runs_total{result="failed"} 1$/m);
  expect(body).toMatch(/^enmesh_mirror_files_total{result="copied"} 2$/m);
  expect(body).toMatch(/^enmesh_mirror_unread_seconds 90$/m);
});
