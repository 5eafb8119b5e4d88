/** PostgreSQL that dies under running roles, and comes back. */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/platform/embedded-postgres/start.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { eventually } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post, startRoles } from '../support/installed.ts';
import { makeKeys } from '../support/phone.ts';
import { runSql } from '../support/sql.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const logger = createLogger({ level: 'silent', pretty: false });

it('answers 503 while PostgreSQL is dead, stores nothing, and recovers by itself', { timeout: 240_000 }, async () => {
  await using postgres = await OwnPostgres.start();
  await using playground = await Playground.open(serveSettings(postgres.url));
  const enmesh = await startRoles(playground);
  const { phone } = await installAuthority(playground);
  const publish = async () => {
    const keys = makeKeys(new Date(), 3);
    const answer = await post(playground.gatewayUrl, phone.publishBody({ now: new Date(), keys }));
    return { ...answer, keys: keys.map(({ key }) => key) };
  };
  const readiness = async () => await (await fetch(`${playground.statusUrl}/readyz`)).json();
  expect((await publish()).status).toBe(200);
  expect(await readiness()).toEqual({ status: 'ok' });

  await postgres.kill();
  const refused = await Promise.all([publish(), publish(), publish()]);
  for (const { status, headers, body } of refused) {
    expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'unavailable' });
    expect(headers.get('retry-after')).toMatch(/^\d+$/);
  }
  const notReady = await eventually(async () => {
    const answer = (await readiness()) as { notReady?: string[] };
    return answer.notReady?.includes('database') && answer;
  });
  expect(notReady).toMatchObject({ status: 'not_ready' });
  expect(enmesh.hasEnded).toBe(false);

  await postgres.startAgain();
  await eventually(async () => ((await readiness()) as { status: string }).status === 'ok');
  const accepted = await eventually(async () => {
    const answer = await publish();
    return answer.status === 200 && answer;
  });
  const rows = await runSql<{ key: string }>(postgres.url, `select encode(key, 'base64') as key from exposures`);
  const stored = new Set(rows.map(({ key }) => key));
  expect(accepted.keys.filter((key) => !stored.has(key))).toEqual([]);
  expect(refused.flatMap(({ keys }) => keys).filter((key) => stored.has(key))).toEqual([]);
  expect(await enmesh.end()).toMatchObject({ code: 0 });
});

/** A server of this test alone, at an address that outlives it. */
class OwnPostgres implements AsyncDisposable {
  readonly #dataDir: string;
  readonly #proxy: TcpProxy;
  #server: EmbeddedPostgres;

  private constructor(dataDir: string, server: EmbeddedPostgres, proxy: TcpProxy) {
    this.#dataDir = dataDir;
    this.#server = server;
    this.#proxy = proxy;
  }

  static async start(): Promise<OwnPostgres> {
    const dataDir = await mkdtemp(join(tmpdir(), 'enmesh-own-pg-'));
    await chmod(dataDir, 0o755);
    const server = await startEmbeddedPostgres({ dataDir, logger });
    return new OwnPostgres(dataDir, server, await TcpProxy.open(portOf(server.url)));
  }

  get url(): string {
    const url = new URL(this.#server.url);
    url.port = String(this.#proxy.port);
    return url.href;
  }

  /** Kills the server as a crash of the machine would. */
  async kill(): Promise<void> {
    const file = join(this.#dataDir, 'postgres', 'data', 'postmaster.pid');
    process.kill(Number((await readFile(file, 'utf8')).split('\n')[0]), 'SIGKILL');
    await eventually(() => Promise.resolve(this.#server.lost.aborted));
    await this.#server.stop();
  }

  async startAgain(): Promise<void> {
    this.#server = await startEmbeddedPostgres({ dataDir: this.#dataDir, logger });
    this.#proxy.targetPort = portOf(this.#server.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#server.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
