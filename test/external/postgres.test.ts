/** The whole way on the PostgreSQL of the distribution, older than the one that comes with the npm packages. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadAll, eventually } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post } from '../support/installed.ts';
import { makeKeys } from '../support/phone.ts';
import { runSql } from '../support/sql.ts';
import { postgresFolder } from './tools.ts';

/** PostgreSQL refuses to be root: `nobody` has this number on every Linux. */
const user = process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

interface DistributionPostgres extends AsyncDisposable {
  readonly url: string;
}

async function startPostgres(folder: string): Promise<DistributionPostgres> {
  const home = await mkdtemp(join(tmpdir(), 'enmesh-external-postgres-'));
  const data = join(home, 'data');
  await chmod(home, 0o755);
  await mkdir(data, { mode: 0o700 });
  if (user.uid !== undefined) await chown(data, user.uid, user.gid);
  const initialized = spawnSync(
    join(folder, 'initdb'),
    ['-D', data, '-U', 'enmesh', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: '/', encoding: 'utf8' },
  );
  if (initialized.status !== 0) throw new Error(`initdb failed: ${initialized.stderr}`);
  const port = await freePort();
  const server = spawn(
    join(folder, 'postgres'),
    ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data, '-c', 'fsync=off'],
    { ...user, cwd: '/', stdio: 'ignore' },
  );
  const ended = once(server, 'exit');
  const url = `postgresql://enmesh@127.0.0.1:${port}/postgres`;
  const stop = async () => {
    server.kill('SIGINT');
    await ended;
    await rm(home, { recursive: true, force: true });
  };
  try {
    await eventually(async () => (await runSql(url, 'select 1').catch(() => [])).length > 0);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function publicKeyOf({ gatewayUrl }: Playground): Promise<string> {
  return await eventually(async () => {
    const response = await fetch(`${gatewayUrl}/exports/aa/keys.json`);
    const { keys } = (await response.json()) as { keys?: { publicKeyPem: string }[] };
    return keys?.[0]?.publicKeyPem;
  });
}

describe('the PostgreSQL of the distribution', () => {
  it('is migrated, takes a publish and gives it out in a signed file', { timeout: 60_000 }, async (context) => {
    await using postgres = await startPostgres(postgresFolder(context));
    await using playground = await Playground.open(serveSettings(postgres.url));
    expect(await playground.run('migrate')).toMatchObject({ code: 0 });
    const serving = playground.start(['serve'], { ENMESH_MIGRATE_AT_START: 'false' });
    await serving.prints('"msg":"ready"');
    const { phone } = await installAuthority(playground);
    const keys = makeKeys(new Date(), 14);
    const answer = await post(playground.gatewayUrl, phone.publishBody({ now: new Date(), keys }));
    expect(answer).toMatchObject({ status: 200, body: { insertedExposures: 14 } });

    const publicKey = await publicKeyOf(playground);
    const wanted = keys.map(({ key }) => key).sort();
    const exported = await eventually(async () => {
      const files = await downloadAll(playground.gatewayUrl, 'aa', publicKey);
      const found = files.flatMap((file) => file.keys.map(({ key }) => key)).filter((key) => wanted.includes(key));
      return found.length > 0 && found;
    });
    expect(exported.sort()).toEqual(wanted);
    expect(await serving.end()).toMatchObject({ code: 0 });
  });
});
