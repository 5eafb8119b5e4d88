/** `enmesh cleanup`, `jobs`, `rotate-revision-keys`, `jwks refresh` and `hold` against the real service, queue and database. */
import { describe, expect, it } from 'vitest';
import { insertAuthority } from '../support/authority.ts';
import { ago, insertExport } from '../support/cleanup.ts';
import { startOperations } from '../support/operations.ts';
import { jwkOf, makeKeyPair, startIssuer, trustingSettings } from '../server/jwks/issuer.ts';
import { runCommand } from './run-command.ts';

describe('cleanup', () => {
  it('deletes what is past its time and counts it', async () => {
    await using operations = await startOperations();
    await operations.deps.database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
       select decode(repeat(hex, 16), 'hex'), $1::timestamptz - age::interval, 0, 144, 0, 1, false, '{AA}'
         from (values ('01', '15 days'), ('02', '13 days')) as keys (hex, age)`,
      [ago(0)],
    );
    const { exitCode, stdout, stderr } = await runCommand(['cleanup', '--server', operations.target]);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^temporary exposure keys +1$/m);
    expect(stdout).toMatch(/^receipts of publishes +0$/m);
    const again = await runCommand(['cleanup', '--json', '--server', operations.target]);
    expect(JSON.parse(again.stdout)).toMatchObject({ receipts: 0, exposures: 0, deletedFiles: 0, batches: 0 });
  });
});

describe('jobs', () => {
  it('shows the queue', async () => {
    await using operations = await startOperations();
    expect((await runCommand(['jobs', '--server', operations.target])).stdout).toBe('the queue is empty\n');
    await operations.deps.jobQueue.enqueue('export.build', { batch: '1' }, { runAt: new Date('2099-01-01T00:00:00Z') });
    const { stdout } = await runCommand(['jobs', '--server', operations.target]);
    expect(stdout).toMatch(/^ *\d+ {2}export\.build +0 {2}2099-01-01T00:00:00Z +-$/m);
    const { jobs } = JSON.parse((await runCommand(['jobs', '--json', '--server', operations.target])).stdout) as {
      jobs: unknown[];
    };
    expect(jobs).toMatchObject([{ task: 'export.build', attempts: 0, runAt: '2099-01-01T00:00:00.000Z' }]);
  });

  it('asks the role that the environment names', async () => {
    await using operations = await startOperations();
    const { exitCode } = await runCommand(['jobs'], { env: { ENMESH_SERVER_TARGET: operations.target } });
    expect(exitCode).toBe(0);
  });
});

describe('rotate-revision-keys', () => {
  it('makes a key when one is due, or when it is told to', async () => {
    await using operations = await startOperations();
    const run = async (...options: string[]) =>
      await runCommand(['rotate-revision-keys', '--server', operations.target, ...options]);
    const first = await run();
    expect(first).toEqual({
      exitCode: 0,
      stdout: 'a new key seals tokens from now on; 0 keys destroyed, 1 can open tokens\n',
      stderr: '',
    });
    expect((await run()).stdout).toBe('no new key was due; 0 keys destroyed, 1 can open tokens\n');
    expect(JSON.parse((await run('--force', '--json')).stdout)).toEqual({ created: true, deleted: 0, kept: 2 });
  });
});

describe('jwks refresh', () => {
  const jwks = { ...trustingSettings, keyCleanupSeconds: 86_400 };

  it('tells each authority, and fails when one could not be read', async () => {
    await using issuer = await startIssuer([jwkOf('j1', makeKeyPair()), { kid: 'j2', kty: 'RSA' }]);
    await using operations = await startOperations({ jwks });
    const { database } = operations.deps;
    const run = async (...words: string[]) =>
      await runCommand(['jwks', 'refresh', '--server', operations.target, ...words]);
    expect((await run()).stdout).toBe('no health authority has a jwksUri\n');

    await insertAuthority(database);
    await database.query('update health_authorities set jwks_uri = $1', [issuer.url]);
    const { exitCode, stdout } = await run();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^https:\/\/verify\.example\.org +j1 +- +2 {2}read$/m);
    expect(stdout).toContain('https://verify.example.org: left out j2: wants EC P-256\n');

    issuer.answer('');
    const failed = await run('https://verify.example.org', '--json');
    expect(failed).toMatchObject({ exitCode: 1, stderr: 'enmesh: 1 of 1 JWKS could not be read\n' });
    expect(JSON.parse(failed.stdout)).toMatchObject({
      results: [{ issuer: 'https://verify.example.org', active: 2, error: expect.stringContaining('empty') as string }],
    });
  });

  it('says that an issuer is unknown', async () => {
    await using operations = await startOperations({ jwks });
    const words = ['jwks', 'refresh', 'https://nobody.example', '--server', operations.target];
    expect(await runCommand(words)).toMatchObject({
      exitCode: 1,
      stderr: 'enmesh: no health authority has this issuer\n',
    });
  });
});

describe('hold', () => {
  it('holds, lists and releases each kind of thing', async () => {
    await using operations = await startOperations();
    await insertAuthority(operations.deps.database);
    await insertExport(operations.deps.database);
    const run = async (...words: string[]) =>
      (await runCommand(['hold', ...words, '--server', operations.target])).stdout;
    expect(await run('list')).toBe('nothing is on hold\n');
    expect(await run('app', 'org.example.health')).toBe('org.example.health is on hold now\n');
    expect(await run('app', 'org.example.health')).toBe('org.example.health was on hold already\n');
    expect(await run('authority', 'https://verify.example.org')).toContain('is on hold now');
    expect(JSON.parse(await run('export', 'aa', '--json'))).toEqual({ changed: true });
    const listed = await run('list');
    expect(listed).toMatch(/^app +org\.example\.health +2026-03-20T10:00:00Z$/m);
    expect(listed).toMatch(/^authority +https:\/\/verify\.example\.org +2026-/m);
    expect(JSON.parse(await run('list', '--json'))).toMatchObject({
      holds: [{ subject: 'app' }, { subject: 'export', name: 'aa' }, { subject: 'authority' }],
    });
    expect(await run('export', 'aa', '--release')).toBe('aa is not on hold any more\n');
  });

  it('says which names there are', async () => {
    await using operations = await startOperations();
    const empty = await runCommand(['hold', 'export', 'aa', '--server', operations.target]);
    expect(empty).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('enmesh apply') as string });
    await insertExport(operations.deps.database);
    const { stderr } = await runCommand(['hold', 'export', 'bb', '--server', operations.target]);
    expect(stderr).toBe('enmesh: no export has this name\n  there are aa\n');
  });
});
