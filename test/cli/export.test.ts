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
    keyManager: await openKeyManager({ kind: 'filesystem', dir: join(dir, 'keys') }),
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
  return { blobs: join(dir, 'blobs'), env, enmesh, [Symbol.asyncDispose]: stop };
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
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'enmesh: no export has this name\n  there are sample\n',
    });
  });
});

describe('export run on a terminal', () => {
  it('leaves nothing of its progress behind', async () => {
    await using role = await startExport({ signed: true });
    const { exitCode, stdout, stderr } = await runCommand(['export', 'run'], { env: role.env, isTTY: true });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^batch \d+ {2}sample .* complete$/m);
    expect(stderr.endsWith('\r\u001B[2K')).toBe(true);
  });
});

describe('export plan', () => {
  it('shows what is due and what is collected, with counts and file names', async () => {
    await using role = await startExport({ signed: true });
    const { exitCode, stdout } = await role.enmesh('export', 'plan', '--ahead', '1');
    expect(exitCode).toBe(0);
    const [heading, due, collecting] = stdout.split('\n');
    expect(heading).toMatch(/^EXPORT +START +END +BUILT FROM +STATE +BATCH +KEYS +REVISED +FILES +DETAIL$/);
    expect(due).toMatch(/^sample {2}2026-03-15T08:00:00Z .* due +- +1 +0 {2}aa\/1773561600-1773576000-00001\.zip$/);
    expect(collecting).toMatch(
      /^sample {2}2026-03-15T12:00:00Z {2}2026-03-15T16:00:00Z {2}2026-03-15T16:00:00Z {2}collecting +- +0 +0 {2}-$/,
    );
    await role.enmesh('export', 'run');
    const { windows } = JSON.parse((await role.enmesh('export', 'plan', 'sample', '--json')).stdout) as {
      windows: unknown[];
    };
    expect(windows).toHaveLength(3);
    expect(windows[0]).toMatchObject({ exportName: 'sample', state: 'collecting', batchId: 0, keys: 0, files: [] });
  });

  it('shows why a batch failed and when it is tried again, and so does the list', async () => {
    await using role = await startExport({ signed: false });
    await role.enmesh('export', 'run');
    expect((await role.enmesh('export', 'plan')).stdout).toMatch(
      / 2026-03-15T13:47:35Z {2}retrying .* failed after 1 try: no_active_signer: /,
    );
    expect((await role.enmesh('export', 'list')).stdout).toMatch(
      / open +1 .* 2026-03-15T13:47:35Z {2}no_active_signer: /,
    );
  });

  it('is wrong usage with no window ahead or too many', async () => {
    for (const ahead of ['0', '101', 'x']) {
      expect(await runCommand(['export', 'plan', '--ahead', ahead])).toMatchObject({ exitCode: 2, stdout: '' });
    }
  });
});

describe('export explain', () => {
  const hex = '01'.repeat(16);
  const base64 = Buffer.from(hex, 'hex').toString('base64');

  it('says where the key will be, and then where it is', async () => {
    await using role = await startExport({ signed: true });
    const before = await role.enmesh('export', 'explain', base64);
    expect(before.exitCode).toBe(0);
    expect(before.stdout).toMatch(/^accepted in the window of 2026-03-15T09:00:00Z$/m);
    expect(before.stdout).toMatch(
      /^sample {2}keys {2}waiting {2}- .* its window is planned with the next look for work$/m,
    );
    await role.enmesh('export', 'run');
    const after = await role.enmesh('export', 'explain', hex, 'sample');
    const window = '2026-03-15T08:00:00Z – 2026-03-15T12:00:00Z';
    expect(after.stdout).toContain(
      `published  aa/1773561600-1773576000-00001.zip  -           ${window}  its file is listed\n`,
    );
    const json = JSON.parse((await role.enmesh('export', 'explain', base64, '--json')).stdout) as unknown;
    expect(json).toMatchObject({
      unknown: false,
      generated: false,
      placements: [{ exportName: 'sample', verdict: 'published', file: 'aa/1773561600-1773576000-00001.zip' }],
    });
  });

  it('takes the key from the standard input, where no history of commands keeps it', async () => {
    await using role = await startExport({ signed: true });
    const { exitCode, stdout } = await runCommand(['export', 'explain', '-'], { env: role.env, stdin: `${base64}\n` });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('accepted in the window');
    expect(stdout).not.toContain(base64);
  });

  it('ends with 1 when nothing is known of the key', async () => {
    await using role = await startExport({ signed: true });
    expect(await role.enmesh('export', 'explain', '02'.repeat(16))).toEqual({
      exitCode: 1,
      stdout:
        'nothing is known of this key: it was never accepted, withdrawn before it was published, or deleted for its age\n',
      stderr: '',
    });
  });

  it('is wrong usage with what is no key, which is not repeated', async () => {
    for (const text of ['secret', '01'.repeat(15), `${base64}AA`]) {
      const { exitCode, stderr } = await runCommand(['export', 'explain', text]);
      expect(exitCode).toBe(2);
      expect(stderr).not.toContain(text);
    }
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
