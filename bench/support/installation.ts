/** A whole installation for a benchmark: PostgreSQL, a configuration, and `enmesh serve` processes on free ports. */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/start.ts';
import { createLogger } from '../../src/platform/logger.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** A running database with a data directory, and the means to run roles on it. */
export interface Installation {
  readonly databaseUrl: string;
  /** Of the PostgreSQL server. */
  readonly postgresPid: number;
  readonly env: NodeJS.ProcessEnv;
  readonly gatewayUrl: string;
  readonly exportTarget: string;
  readonly federationTarget: string;
  readonly authorityKey: KeyObject;
  /** Starts one process with these roles and waits until it is ready. */
  serve(...roles: string[]): Promise<ChildProcess>;
  /** Starts one more process with the export role, at an address of its own. */
  serveAnotherExport(): Promise<{ readonly child: ChildProcess; readonly target: string }>;
  /** @param partners lines of YAML beside the sample, such as `partners: […]` */
  apply(partners?: string): Promise<void>;
  stop(): Promise<void>;
}

/** What the benchmark's phones name. */
export const sample = {
  issuer: 'https://verify.bench.example',
  audience: 'bench',
  kid: 'v1',
  appId: 'org.example.bench',
};

/** Starts PostgreSQL (durable, as in production) in a temporary folder. */
export async function openInstallation(settings: NodeJS.ProcessEnv = {}): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), 'enmesh-bench-'));
  const postgres = await startEmbeddedPostgres({
    dataDir: folder,
    logger: createLogger({ level: 'warn', pretty: false }),
  });
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [gateway, server, exports, federation] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const env = {
    ...process.env,
    ENMESH_DATABASE_URL: postgres.url,
    ENMESH_DATA_DIR: folder,
    ENMESH_CREATE_KEYS: 'true',
    ENMESH_REVISION_TOKEN_KEY: 'revision-token',
    ENMESH_REVISION_TOKEN_AAD: randomBytes(32).toString('base64'),
    ENMESH_GATEWAY_ADDRESS: `127.0.0.1:${gateway}`,
    ENMESH_GRPC_ADDRESS: `127.0.0.1:${server}`,
    ENMESH_EXPORT_ADDRESS: `127.0.0.1:${exports}`,
    ENMESH_FEDERATION_ADDRESS: `127.0.0.1:${federation}`,
    ENMESH_METRICS_ADDRESS: '127.0.0.1:0',
    ENMESH_LOG_LEVEL: 'info',
    ...settings,
  };
  const configuration = join(folder, 'bench.yaml');
  const sampleText = configurationText(authority.publicKey.export({ type: 'spki', format: 'pem' }).toString());
  const children: ChildProcess[] = [];
  const start = async (roles: readonly string[], environment: NodeJS.ProcessEnv): Promise<ChildProcess> => {
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    const child = spawn(process.execPath, [main, 'serve', ...roles], { env: environment, stdio: [...stdio] });
    children.push(child);
    await untilReady(child);
    return child;
  };
  return {
    databaseUrl: postgres.url,
    postgresPid: Number(readFileSync(join(folder, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[0]),
    env,
    gatewayUrl: `http://127.0.0.1:${gateway}`,
    exportTarget: `127.0.0.1:${exports}`,
    federationTarget: `127.0.0.1:${federation}`,
    authorityKey: authority.privateKey,
    serve: async (...roles) => await start(roles, env),
    serveAnotherExport: async () => {
      const target = `127.0.0.1:${await freePort()}`;
      return { target, child: await start(['export'], { ...env, ENMESH_EXPORT_ADDRESS: target }) };
    },
    apply: async (partners = '') => {
      writeFileSync(configuration, sampleText + partners);
      const child = spawn(process.execPath, [main, 'apply', '-f', configuration], { env, stdio: 'ignore' });
      const [code] = (await once(child, 'exit')) as [number];
      if (code !== 0) throw new Error('the benchmark configuration was refused');
    },
    stop: async () => {
      await Promise.all(children.map(endProcess));
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks a process to end and waits for it. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function untilReady(child: ChildProcess): Promise<void> {
  let seen = '';
  for await (const chunk of child.stdout!) {
    seen += String(chunk);
    if (seen.includes('"msg":"ready"')) {
      child.stdout!.resume();
      return;
    }
  }
  throw new Error(`a role did not start: ${seen}`);
}

/** A port on which nobody listens at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function configurationText(publicKeyPem: string): string {
  return `
healthAuthorities:
  - issuer: ${sample.issuer}
    audience: ${sample.audience}
    name: Benchmark
    keys: [{ version: ${sample.kid}, publicKeyPem: ${JSON.stringify(publicKeyPem)}, from: 2020-01-01T00:00:00Z, thru: null }]
apps: [{ id: ${sample.appId}, regions: [AA], healthAuthorities: [${sample.issuer}] }]
signingKeys: [{ name: main, key: export-signing, keyId: "310", keyVersion: v1 }]
exports: [{ name: aa, bucket: exports, filenameRoot: aa, outputRegion: AA, inputRegions: [AA], period: 4h, signingKeys: [main] }]
`;
}
