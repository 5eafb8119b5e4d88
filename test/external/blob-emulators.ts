/** Emulators of object storage, each on a port of its own, with nothing in it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { eventually } from '../support/download.ts';
import { tool } from './tools.ts';

/** A running emulator. */
export interface BlobEmulator extends AsyncDisposable {
  readonly port: number;
  /** As an operator would set it; an address other than the emulator's own, such as a proxy's, may be given. */
  environment(port?: number): Record<string, string>;
}

/** Starts an emulator, or skips the test where its program is missing. */
export type StartEmulator = (context: TestContext) => Promise<BlobEmulator>;

/** Name of a store in these tests → its emulator. */
export const blobEmulators: Readonly<Record<string, StartEmulator>> = {
  'versitygw (s3)': async (context) => {
    const path = tool(context, 'versitygw');
    const keys = { user: 'enmesh', secret: randomBytes(16).toString('hex') };
    return await start(path, s3Environment(keys.user, keys.secret), {
      words: (port, dir) => ['--port', `127.0.0.1:${String(port)}`, 'posix', dir],
      env: { ROOT_ACCESS_KEY: keys.user, ROOT_SECRET_KEY: keys.secret },
    });
  },
  'moto (s3)': async (context) =>
    await start(tool(context, 'moto_server'), s3Environment('enmesh', 'any'), {
      words: (port) => ['-H', '127.0.0.1', '-p', String(port)],
    }),
  'fake-gcs-server (gcs)': async (context) =>
    await start(
      tool(context, 'fake-gcs-server'),
      (port) => ({ ENMESH_BLOB_STORE: 'gcs', STORAGE_EMULATOR_HOST: `http://127.0.0.1:${String(port)}` }),
      {
        words: (port) => [
          ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'],
          ...['-public-host', `127.0.0.1:${String(port)}`],
        ],
      },
    ),
  'azurite (azure)': async (context) => {
    // The account that azurite is documented to have; its key is no secret.
    const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
    return await start(
      tool(context, 'azurite-blob'),
      (port) => ({
        ENMESH_BLOB_STORE: 'azure',
        AZURE_STORAGE_ACCOUNT: 'devstoreaccount1',
        AZURE_STORAGE_KEY: key,
        ENMESH_AZURE_STORAGE_ENDPOINT: `http://127.0.0.1:${String(port)}/devstoreaccount1`,
      }),
      {
        words: (port, dir) => [
          ...['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', dir],
          ...['--silent', '--disableTelemetry', '--skipApiVersionCheck'],
        ],
      },
    );
  },
};

function s3Environment(user: string, secret: string): (port: number) => Record<string, string> {
  return (port) => ({
    ENMESH_BLOB_STORE: 's3',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${String(port)}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: user,
    AWS_SECRET_ACCESS_KEY: secret,
  });
}

interface Program {
  words(port: number, dir: string): readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

async function start(
  path: string,
  environment: (port: number) => Record<string, string>,
  { words, env = {} }: Program,
): Promise<BlobEmulator> {
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-emulator-'));
  await mkdir(join(dir, 'data'));
  const port = await freePort();
  const program = spawn(path, [...words(port, join(dir, 'data'))], {
    cwd: dir,
    env: { ...process.env, ...env },
    stdio: 'ignore',
    detached: true,
  });
  const stop = async (): Promise<void> => {
    await end(program);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await eventually(async () => (await fetch(`http://127.0.0.1:${String(port)}/`).catch(() => null)) !== null, 60);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    environment: (seenAt = port) => environment(seenAt),
    [Symbol.asyncDispose]: stop,
  };
}

/** With everything that it has started: a program behind a shim does not hear what the shim is told. */
async function end(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.pid === undefined) return;
  const ended = once(program, 'exit');
  process.kill(-program.pid, 'SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
