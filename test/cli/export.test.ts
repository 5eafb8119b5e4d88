/** `enmesh export` and `enmesh keys rotate|public` against the real service, keys, files and database. */
import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureSigningKeys } from '../../src/export/keys/ensure.ts';
import { createExportService } from '../../src/export/service.ts';
import { ExportServiceDefinition } from '../../src/gen/enmesh/export/v1/export.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { openKeyManager } from '../../src/platform/key-manager/open.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import type { Database } from '../../src/storage/database.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { runCommand } from './run-command.ts';

const now = new Date('2026-03-15T13:47:30Z');
const settings = {
  minWindowAgeSeconds: 0,
  minRecords: 0,
  paddingRange: 0,
  maxRecords: 1000,
  leaseSeconds: 60,
  concurrency: 1,
  retentionSeconds: 14 * 86_400,
  createKeys: true,
};

/** The export role with one key in the window from 08:00 to 12:00; `signed` = its export has a signing key. */
async function startExport({ signed }: { signed: boolean }) {
  const { database, ...test } = await createTestDatabase({ now });
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-export-'));
  const logger = createLogger({ level: 'silent', pretty: false });
  const metrics = new Metrics();
  const deps = {
    database,
    blobStore: await openBlobStore({ kind: 'filesystem', dir: join(dir, 'blobs') }),
    keyManager: openKeyManager({ kind: 'filesystem', dir: join(dir, 'keys') }),
    clock: new ManualClock(now),
    settings: { ...settings, spoolDir: join(dir, 'spool') },
    logger,
    metrics,
  };
  await configure(database, signed);
  await ensureSigningKeys(deps, { createMissing: true });
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(ExportServiceDefinition, createExportService(deps))],
    isReady: () => Promise.resolve(true),
    logger,
    metrics,
  });
  const stop = async () => {
    await server.stop();
    await test[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  };
  const env = { ENMESH_EXPORT_TARGET: `127.0.0.1:${String(server.address.port)}` };
  const enmesh = (...words: string[]) => runCommand(words, { env, now });
  return { blobs: join(dir, 'blobs'), enmesh, [Symbol.asyncDispose]: stop };
}

async function configure(database: Database, signed: boolean): Promise<void> {
  await database.query(
    `with export as (
       insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions,
                            include_travelers, only_non_travelers, period_seconds, valid_from, grace_seconds)
       values ('sample', 'exports', 'aa', 'AA', '{AA}', '{}', true, false, 14400, '2026-03-15T08:00:00Z', 86400)
       returning id
     ), key as (
       insert into signing_keys (name, key, key_id, first_version) values ('main', 'export-signing', '310', 'v1') returning id
     )
     insert into export_signing_keys (export_id, signing_key_id) select export.id, key.id from export, key where $1`,
    [signed],
  );
  await database.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
     values (decode(repeat('01', 16), 'hex'), '2026-03-15T09:00:00Z', 2955024, 144, 0, 1, false, '{AA}')`,
  );
}

interface BatchJson {
  readonly id: number;
  readonly status: string;
  readonly files: readonly { readonly name: string; readonly keys: number; readonly size: number }[];
}

const batchesOf = (stdout: string) => (JSON.parse(stdout) as { batches: BatchJson[] }).batches;

describe('export run', () => {
  it('prints the files that it built, then that nothing is due', async () => {
    await using role = await startExport({ signed: true });
    const { exitCode, stdout, stderr } = await role.enmesh('export', 'run');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^batch \d+ {2}sample {2}2026-03-15T08:00:00Z – 2026-03-15T12:00:00Z {2}complete$/m);
    const [, name = '', size = ''] = /^ {2}(aa\/\S+\.zip) {2}1 key, (\d+) B$/m.exec(stdout) ?? [];
    expect(await readFile(join(role.blobs, 'exports', name))).toHaveLength(Number(size));
    expect((await role.enmesh('export', 'run', 'sample')).stdout).toBe('nothing is due\n');
  });

  it('ends with 1 when a batch failed, and says why', async () => {
    await using role = await startExport({ signed: false });
    const { exitCode, stdout, stderr } = await role.enmesh('export', 'run');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^ {2}failed after 1 try: .*sign/m);
    expect(stderr).toBe('enmesh: 1 of 1 batch failed\n');
  });

  it('ends with 1 for an export that there is not', async () => {
    await using role = await startExport({ signed: true });
    const { exitCode, stderr } = await role.enmesh('export', 'run', 'other');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'enmesh: no export has this name\n' });
  });
});

describe('export list and reprocess', () => {
  it('list batches, and build one again under new names', async () => {
    await using role = await startExport({ signed: true });
    expect((await role.enmesh('export', 'list')).stdout).toBe('there are no batches yet\n');
    const [built] = batchesOf((await role.enmesh('export', 'run', '--json')).stdout);
    expect(built).toMatchObject({ status: 'complete', files: [{ keys: 1 }] });
    const { exitCode, stdout } = await role.enmesh('export', 'reprocess', String(built?.id), '--json');
    expect(exitCode).toBe(0);
    const again = JSON.parse(stdout) as BatchJson;
    expect(again).toMatchObject({ id: built?.id, status: 'complete', files: [{ keys: 1 }] });
    expect(again.files[0]?.name).not.toBe(built?.files[0]?.name);
    const list = await role.enmesh('export', 'list', 'sample');
    expect(list.stdout).toMatch(/^BATCH {2}EXPORT .*\n +\d+ {2}sample .* complete +\d+ +1 {2}aa\/\S+\.zip$/m);
  });
});

describe('keys', () => {
  it('are rotated: both versions sign during the overlap', async () => {
    await using role = await startExport({ signed: true });
    const before = await role.enmesh('keys', 'public', 'main');
    expect(createPublicKey(before.stdout).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    const { exitCode, stdout } = await role.enmesh('keys', 'rotate', 'main', '--overlap', '7d');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^310 +v2 +2026-03-15T13:47:30Z +no end$/m);
    expect(stdout).toMatch(/^310 +v1 +2026-03-15T13:47:30Z +2026-03-22T13:47:30Z$/m);
    const after = await role.enmesh('keys', 'public', 'main');
    expect(after.stdout).not.toBe(before.stdout);
    expect((await role.enmesh('keys', 'public', 'main', '--key-version', 'v1')).stdout).toBe(before.stdout);
    const { versions } = JSON.parse((await role.enmesh('keys', 'public', 'main', '--json')).stdout) as {
      versions: unknown[];
    };
    expect(versions).toMatchObject([{ keyVersion: 'v2' }, { keyVersion: 'v1', thru: '2026-03-22T13:47:30.000Z' }]);
  });

  it('overlap for 14 days when nothing is said', async () => {
    await using role = await startExport({ signed: true });
    const { stdout } = await role.enmesh('keys', 'rotate', 'main');
    expect(stdout).toMatch(/^310 +v1 +\S+ +2026-03-29T13:47:30Z$/m);
  });

  it('that are not configured end with 1', async () => {
    await using role = await startExport({ signed: true });
    expect(await role.enmesh('keys', 'rotate', 'other')).toMatchObject({ exitCode: 1, stdout: '' });
    const { exitCode, stderr } = await role.enmesh('keys', 'public', 'main', '--key-version', 'v9');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'enmesh: there is no such version; versions are: v1\n',
    });
  });
});
