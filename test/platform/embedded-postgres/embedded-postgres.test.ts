import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test, vi } from 'vitest';
import { startEmbeddedPostgres } from '../../../src/platform/embedded-postgres/start.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { runSql } from '../../support/sql.ts';

// Making the data of a server takes seconds of CPU time, which other tests may be using.
vi.setConfig({ testTimeout: 120_000 });
afterAll(() => vi.resetConfig());

const logger = createLogger({ level: 'silent', pretty: false });
const isRoot = process.geteuid?.() === 0;

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'enmesh-pg-'));
  await chmod(path, 0o755);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}

let used: Promise<Awaited<ReturnType<typeof temporaryFolder>>> | undefined;
afterAll(async () => (await used)?.[Symbol.asyncDispose]());

/** A folder in which a server ran and was stopped: for what is not about making its data. */
async function usedFolder() {
  used ??= temporaryFolder().then(async (folder) => {
    await (await start(folder.path)).stop();
    return folder;
  });
  const folder = await temporaryFolder();
  await promisify(execFile)('cp', ['-a', join((await used).path, 'postgres'), folder.path]);
  return folder;
}

async function start(dataDir: string) {
  const server = await startEmbeddedPostgres({ dataDir, logger, durable: false });
  return { ...server, [Symbol.asyncDispose]: () => server.stop() };
}

/** Another process that starts a server; `line` reads what it tells. */
function startElsewhere(dataDir: string) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('hold-server.ts', import.meta.url)), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value ?? '';
  const kill = async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return { pid: child.pid ?? 0, line, kill, [Symbol.asyncDispose]: kill };
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

async function hasEnded(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  return state === '' || / Z /.test(state);
}

test('what was committed is there after a stop and a start, on loopback alone and with a password', async () => {
  await using folder = await temporaryFolder();
  const first = await startEmbeddedPostgres({ dataDir: folder.path, logger });
  await runSql(first.url, 'create table t as select 1 as n');
  expect(
    await runSql(
      first.url,
      `select name, setting from pg_settings where name in ('fsync', 'TimeZone', 'server_encoding', 'max_connections') order by name`,
    ),
  ).toEqual([
    { name: 'TimeZone', setting: 'UTC' },
    { name: 'fsync', setting: 'on' },
    { name: 'max_connections', setting: '200' },
    { name: 'server_encoding', setting: 'UTF8' },
  ]);
  await first.stop();
  await first.stop();

  await using second = await start(folder.path);
  expect(await runSql(second.url, 'select n from t')).toEqual([{ n: 1 }]);
  const url = new URL(second.url);
  expect(url.hostname).toBe('127.0.0.1');
  url.password = 'guess';
  await expect(runSql(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
});

test('after a kill -9 of its owner, the server that stays behind is replaced, with everything committed', async () => {
  await using folder = await usedFolder();
  await using owner = startElsewhere(folder.path);
  await owner.line();
  await runSql(await owner.line(), 'create table t as select 1 as n');
  const left = await postmasterPid(folder.path);
  await owner.kill();
  expect(await hasEnded(left)).toBe(false);

  await using server = await start(folder.path);
  expect(await runSql(server.url, 'select n from t')).toEqual([{ n: 1 }]);
  expect(await hasEnded(left)).toBe(true);
});

test('after a kill -9 of owner and server, everything committed is recovered', async () => {
  await using folder = await usedFolder();
  await using owner = startElsewhere(folder.path);
  await owner.line();
  await runSql(await owner.line(), 'create table t as select 1 as n');
  await owner.kill();
  process.kill(await postmasterPid(folder.path), 'SIGKILL');

  await using server = await start(folder.path);
  expect(await runSql(server.url, 'select n from t')).toEqual([{ n: 1 }]);
});

test('a process id that belongs to somebody else by now is not taken for the server', async () => {
  await using folder = await usedFolder();
  const file = join(folder.path, 'postgres', 'data', 'postmaster.pid');
  await writeFile(
    file,
    `${String(process.pid)}\n${join(folder.path, 'postgres', 'data')}\n0\n1\n\n127.0.0.1\n\nready   \n`,
  );
  await using server = await start(folder.path);
  expect(await runSql(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});

test('a folder in use is refused by the id of the process that uses it, until that one is gone', async () => {
  await using folder = await usedFolder();
  await using owner = startElsewhere(folder.path);
  await owner.line();
  const url = await owner.line();
  await expect(start(folder.path)).rejects.toMatchObject({
    kind: 'conflict',
    code: 'data_directory_in_use',
    message: expect.stringContaining(String(owner.pid)) as string,
  });
  expect(await runSql(url, 'select 1 as n')).toEqual([{ n: 1 }]);
  await owner.kill();
  await using server = await start(folder.path);
  expect(await runSql(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});

test('of several starts at once on a new folder one wins, and the others are refused', async () => {
  await using folder = await temporaryFolder();
  const results = await Promise.allSettled([1, 2, 3].map(() => start(folder.path)));
  const started = results.filter((result) => result.status === 'fulfilled');
  expect(started).toHaveLength(1);
  for (const { value } of started) await value.stop();
  expect(results.filter((result) => result.status === 'rejected')).toMatchObject([
    { reason: { code: 'data_directory_in_use' } },
    { reason: { code: 'data_directory_in_use' } },
  ]);
});

test('data that was being made when the process was killed is made anew', async () => {
  await using folder = await temporaryFolder();
  await using owner = startElsewhere(folder.path);
  await owner.line();
  const unfinished = async () =>
    (await readdir(join(folder.path, 'postgres')).catch(() => [])).some((name) => name.startsWith('data.'));
  await vi.waitUntil(unfinished, { timeout: 20_000, interval: 1 });
  await owner.kill();

  await using server = await start(folder.path);
  expect(await runSql(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});

test('an interrupt in the terminal reaches the owner, not the server', async () => {
  await using folder = await usedFolder();
  await using owner = startElsewhere(folder.path);
  await owner.line();
  const url = await owner.line();
  process.kill(-owner.pid, 'SIGINT');
  expect(await owner.line()).toBe('interrupted');
  expect(await runSql(url, 'select 1 as n')).toEqual([{ n: 1 }]);
  await owner.kill();
  await (await start(folder.path)).stop();
});

test('nothing of a statement stays in the log, whatever goes wrong', async () => {
  await using folder = await usedFolder();
  await using server = await start(folder.path);
  await runSql(server.url, `create table k (key text primary key, n int check (n > 0))`);
  await runSql(server.url, `insert into k values ('temporary-exposure-key', 1)`);
  const faults = [
    `insert into k values ('temporary-exposure-key', 1)`,
    `insert into k values ('other-temporary-exposure-key', 0)`,
    `select 'temporary-exposure-key'::int`,
  ];
  for (const sql of faults) await expect(runSql(server.url, sql)).rejects.toThrow();
  await expect(runSql(server.url, 'select $1::int', ['temporary-exposure-key'])).rejects.toThrow();
  await server.stop();
  const log = await readFile(join(folder.path, 'postgres', 'server.log'), 'utf8');
  expect(log).toContain('ready to accept connections');
  expect(log).not.toContain('temporary-exposure-key');
});

test('data of another major version is refused, with the way out', async () => {
  await using folder = await usedFolder();
  await writeFile(join(folder.path, 'postgres', 'data', 'PG_VERSION'), '12\n');
  await expect(start(folder.path)).rejects.toMatchObject({ kind: 'precondition', code: 'embedded_postgres_version' });
});

test('a data directory that cannot be made is refused, with the way out', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'file'), '');
  await expect(start(join(folder.path, 'file', 'data'))).rejects.toMatchObject({ code: 'data_directory_not_writable' });
});

test.runIf(isRoot)('data of another user is refused, with the way out', async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'postgres'));
  await chown(join(folder.path, 'postgres'), 1000, 1000);
  await expect(start(folder.path)).rejects.toMatchObject({ kind: 'precondition', code: 'data_directory_owner' });
});

test.runIf(isRoot)('a folder that another start has made, but not yet given to its user, is taken', async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'postgres'), { mode: 0o700 });
  await using server = await start(folder.path);
  expect(await runSql(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});

test.runIf(isRoot)('root may keep its data in a folder that is closed to everybody else', async () => {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o700);
  await using server = await start(join(folder.path, 'deep', 'data'));
  expect(await runSql(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});
