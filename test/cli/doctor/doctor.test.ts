/** `enmesh doctor` against a real database, real keys and real files, whole and broken. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { openKeyManager } from '../../../src/platform/key-manager/open.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { createEmptyDatabase, createTestDatabase } from '../../support/postgres.ts';
import { BlobServer } from '../../storage/blob/blob-server.ts';
import { runCommand } from '../run-command.ts';

/** Nothing listens on these: port 1 needs root, and nobody serves there. */
const nowhere = {
  ENMESH_GRPC_ADDRESS: '127.0.0.1:1',
  ENMESH_EXPORT_ADDRESS: '127.0.0.1:1',
  ENMESH_FEDERATION_ADDRESS: '127.0.0.1:1',
  ENMESH_GATEWAY_ADDRESS: '127.0.0.1:1',
};

async function dataDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'enmesh-doctor-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function examine(env: Record<string, string>) {
  const { exitCode, stdout, stderr } = await runCommand(['doctor', '--json'], { env: { ...nowhere, ...env } });
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const of = (check: string) => findings.filter((finding) => finding.check === check);
  return { exitCode, stderr, findings, of };
}

/** A role with no service but health. */
async function startRole() {
  return await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [],
    isReady: () => Promise.resolve(true),
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
  });
}

async function startHttp(status: number) {
  const server = createServer((_, response) => {
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`, [Symbol.asyncDispose]: stop };
}

describe.concurrent('doctor', () => {
  it('finds nothing wrong with a whole installation', async () => {
    await using test = await createTestDatabase();
    await using dir = await dataDirectory();
    await using gateway = await startHttp(200);
    const role = await startRole();
    const address = `127.0.0.1:${String(role.address.port)}`;
    const keyManager = await openKeyManager({ kind: 'filesystem', dir: join(dir.path, 'keys') });
    const { version } = await keyManager.createSigningKey('export-signing');
    await keyManager.createEncryptionKey('revision-token');
    await configureSigningKey(test.database, version);
    try {
      const { exitCode, findings } = await examine({
        ENMESH_DATABASE_URL: test.url,
        ENMESH_DATA_DIR: dir.path,
        ENMESH_REVISION_TOKEN_KEY: 'revision-token',
        ENMESH_REVISION_TOKEN_AAD: randomBytes(16).toString('base64'),
        ENMESH_GRPC_ADDRESS: address,
        ENMESH_EXPORT_ADDRESS: address,
        ENMESH_FEDERATION_ADDRESS: address,
        ENMESH_GATEWAY_ADDRESS: gateway.address,
      });
      expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
      expect(findings.map(({ check }) => check)).toEqual([
        'environment',
        'database',
        'clocks',
        'migrations',
        'windows',
        'signing keys',
        'revision tokens',
        'blob store',
        'server role',
        'export role',
        'federation role',
        'gateway role',
      ]);
      expect(exitCode).toBe(0);
      const left = await readdir(dir.path, { recursive: true });
      expect(left.filter((path) => path.includes('enmesh-doctor'))).toEqual([]);
    } finally {
      await role.stop();
    }
  });

  it('names cause and cure of everything that is wrong, one line each, and ends with 1', async () => {
    await using test = await createTestDatabase();
    await using dir = await dataDirectory();
    await using gateway = await startHttp(503);
    await configureSigningKey(test.database, '1');
    const env = {
      ...nowhere,
      ENMESH_DATABASE_URL: test.url,
      ENMESH_DATA_DIR: dir.path,
      ENMESH_REVISION_TOKEN_KEY: 'revision-token',
      ENMESH_TRUNCATE_WINDOW: '10m',
      ENMESH_GATEWAY_ADDRESS: gateway.address,
    };
    const { exitCode, stdout, stderr } = await runCommand(['doctor'], { env });
    expect(exitCode).toBe(1);
    expect(stderr).toBe('enmesh: 6 of 12 checks failed\n');
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(12);
    const line = (check: string) => lines.find((text) => text.startsWith(`failed   ${check}`)) ?? 'not failed';
    expect(line('windows')).toContain('windows of 3600 s');
    expect(line('windows')).toContain('ENMESH_TRUNCATE_WINDOW is 600 s; give every role the same');
    expect(line('signing keys')).toContain('main v1 (key export-signing); `enmesh keys create KEY`');
    expect(line('revision tokens')).toContain('ENMESH_REVISION_TOKEN_AAD is not set; set it to the base64');
    expect(line('server role')).toContain('does not serve at 127.0.0.1:1; start `enmesh dev` or `enmesh serve server`');
    expect(line('gateway role')).toContain('/healthz answers 503; its log names the reason');
    expect(stdout).toContain('does not run, and nothing is configured that needs it');
  });

  it('wants a federation role only where an import or a partner is configured', async () => {
    await using test = await createTestDatabase();
    const finding = async () => (await examine({ ENMESH_DATABASE_URL: test.url })).of('federation role')[0];
    expect(await finding()).toMatchObject({ status: 'ok' });
    await test.database.query(
      `insert into imports (name, index_url, base_url, region, traveler) values ('cc', 'https://cc', 'https://cc', 'CC', false)`,
    );
    expect(await finding()).toMatchObject({ status: 'failed' });
  });

  it('notices a signing key whose recorded version the key manager does not have', async () => {
    await using test = await createTestDatabase();
    await using dir = await dataDirectory();
    const keyManager = await openKeyManager({ kind: 'filesystem', dir: join(dir.path, 'keys') });
    await keyManager.createSigningKey('export-signing');
    await configureSigningKey(test.database, 'another');
    const { of } = await examine({ ENMESH_DATABASE_URL: test.url, ENMESH_DATA_DIR: dir.path });
    expect(of('signing keys')).toMatchObject([{ status: 'failed', message: expect.stringContaining('main v1') }]);
  });

  it('notices an export whose signing keys have all ended', async () => {
    await using test = await createTestDatabase();
    await configureSigningKey(test.database, '1');
    await test.database.query(
      `with export as (insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions,
                                            include_travelers, only_non_travelers, period_seconds, grace_seconds)
                       values ('aa', 'exports', 'aa', 'AA', '{}', '{}', false, false, 14400, 86400) returning id)
       insert into export_signing_keys (export_id, signing_key_id) select e.id, k.id from export e, signing_keys k`,
    );
    const message = async () => (await examine({ ENMESH_DATABASE_URL: test.url })).of('signing keys')[0]?.message;
    expect(await message()).not.toContain('none signs');
    await test.database.query(`update signing_keys set thru = now() - interval '1 second'`);
    expect(await message()).toContain('none signs for aa');
    await test.database.query('update exports set valid_thru = now()');
    expect(await message()).not.toContain('none signs');
  });

  it('notices a revision token key that is not the one which wrapped the data keys', async () => {
    await using test = await createTestDatabase();
    await using dir = await dataDirectory();
    const keyManager = await openKeyManager({ kind: 'filesystem', dir: join(dir.path, 'keys') });
    await keyManager.createEncryptionKey('revision-token');
    await keyManager.createEncryptionKey('another');
    const env = {
      ENMESH_DATABASE_URL: test.url,
      ENMESH_DATA_DIR: dir.path,
      ENMESH_REVISION_TOKEN_KEY: 'revision-token',
      ENMESH_REVISION_TOKEN_AAD: 'AAAA',
    };
    const wrap = async (key: string) => {
      const aad = randomBytes(16);
      const wrapped = await keyManager.encrypt(key, randomBytes(32), aad);
      await test.database.query('insert into revision_keys (wrapped_key, aad, created_at) values ($1, $2, now())', [
        Buffer.from(wrapped),
        aad,
      ]);
    };
    await wrap('revision-token');
    expect((await examine(env)).of('revision tokens')).toMatchObject([{ status: 'ok' }]);
    await wrap('another');
    expect((await examine(env)).of('revision tokens')).toMatchObject([{ status: 'failed' }]);
  });

  it('says what waits for a database that cannot be reached', async () => {
    await using dir = await dataDirectory();
    const url = 'postgresql://nobody:secret@127.0.0.1:1/enmesh';
    const { exitCode, of, findings } = await examine({ ENMESH_DATABASE_URL: url, ENMESH_DATA_DIR: dir.path });
    expect(exitCode).toBe(1);
    expect(of('database')).toMatchObject([{ status: 'failed', cure: expect.stringContaining('ENMESH_DATABASE_URL') }]);
    expect(of('migrations')).toMatchObject([{ status: 'skipped', message: 'waits for the database' }]);
    expect(of('blob store')).toMatchObject([{ status: 'ok' }]);
    expect(JSON.stringify(findings)).not.toContain('secret');
  });

  it('asks for a database where there is none', async () => {
    await using dir = await dataDirectory();
    const { of } = await examine({ ENMESH_DATA_DIR: dir.path });
    expect(of('database')).toMatchObject([
      { status: 'failed', message: `ENMESH_DATABASE_URL is not set and no \`enmesh dev\` runs in ${dir.path}` },
    ]);
  });

  it('asks for migrations where there are none', async () => {
    await using empty = await createEmptyDatabase();
    await using dir = await dataDirectory();
    const { of } = await examine({ ENMESH_DATABASE_URL: empty.url, ENMESH_DATA_DIR: dir.path });
    expect(of('migrations')).toMatchObject([{ status: 'failed', cure: 'run `enmesh migrate`' }]);
    expect(of('windows')).toEqual([]);
  });

  it('names every fault of the environment and looks no further', async () => {
    const { exitCode, findings } = await examine({ ENMESH_RETENTION: 'long', ENMESH_NONSENSE: '1' });
    expect(exitCode).toBe(1);
    expect(findings.map(({ check, status }) => [check, status])).toEqual([
      ['environment', 'failed'],
      ['environment', 'failed'],
    ]);
  });

  it('makes no data directory where there is none', async () => {
    await using dir = await dataDirectory();
    const { of } = await examine({ ENMESH_DATA_DIR: join(dir.path, 'missing') });
    expect(of('blob store')).toMatchObject([{ status: 'failed', cure: expect.stringContaining('ENMESH_DATA_DIR') }]);
    expect(await readdir(dir.path)).toEqual([]);
  });

  it.each([
    ['a bucket that is missing', { status: 404, body: 'NoSuchBucket' }, 'false', 'failed', 'ENMESH_CREATE_BUCKETS'],
    ['a bucket that is made when it is needed', { status: 404, body: 'NoSuchBucket' }, 'true', 'ok', ''],
    ['a store that refuses us', { status: 403, body: 'AccessDenied' }, 'false', 'failed', 'docs/operations.md'],
  ] as const)('tells cause and cure of %s', async (_, { status, body }, create, verdict, cure) => {
    const answer = {
      status,
      headers: { 'content-type': 'application/xml' },
      body: `<Error><Code>${body}</Code></Error>`,
    };
    await using store = await BlobServer.open(() => answer);
    // Amazon's client finds them in the process's own environment.
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' });
    const { of } = await examine({
      ENMESH_BLOB_STORE: 's3',
      ENMESH_S3_ENDPOINT: `http://127.0.0.1:${String(store.port)}`,
      ENMESH_CREATE_BUCKETS: create,
    });
    const findings = of('blob store');
    expect(findings).toMatchObject([{ status: verdict, message: expect.stringContaining('bucket exports (s3)') }]);
    expect(findings[0]!.cure).toContain(cure);
  });

  it.each([
    ['s3', undefined, 1],
    ['s3', 'withdrawals', 0],
    ['filesystem', undefined, 0],
  ] as const)('says when withdrawals are not copied: %s, bucket %s', async (store, bucket, found) => {
    const { of } = await examine({
      ENMESH_BLOB_STORE: store,
      ENMESH_S3_ENDPOINT: 'http://127.0.0.1:9',
      ...(bucket === undefined ? {} : { ENMESH_WITHDRAWALS_BUCKET: bucket }),
    });
    const said = of('withdrawals');
    expect(said).toHaveLength(found);
    for (const finding of said) {
      expect(finding).toMatchObject({
        status: 'skipped',
        message: expect.stringContaining('ENMESH_WITHDRAWALS_BUCKET'),
      });
    }
  });

  it('notices a blob store that cannot be written', async () => {
    await using dir = await dataDirectory();
    await mkdir(join(dir.path, 'blobs'));
    await writeFile(join(dir.path, 'blobs', 'exports'), 'a file where a bucket should be');
    const { of } = await examine({ ENMESH_DATA_DIR: dir.path });
    expect(of('blob store')).toMatchObject([{ status: 'failed', cure: expect.stringContaining('ENMESH_BLOB_STORE') }]);
  });
});

async function configureSigningKey(
  database: Awaited<ReturnType<typeof createTestDatabase>>['database'],
  managerVersion: string,
): Promise<void> {
  await database.query(
    `with key as (insert into signing_keys (name, key, key_id, first_version) values ('main', 'export-signing', '310', 'v1') returning id)
     insert into signing_key_versions (signing_key_id, key_version, manager_version, public_key_pem, valid_from)
     select id, 'v1', $1, 'pem', now() from key`,
    [managerVersion],
  );
}
