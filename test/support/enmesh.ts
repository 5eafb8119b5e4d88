/** The real `enmesh` command in processes of its own, for tests of the whole product. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/cli/demo/free-ports.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A finished command. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export class EnmeshProcess {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #changed: Promise<undefined> = Promise.resolve(undefined);
  #wake: (value?: undefined) => void = () => undefined;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#renewChange();
    this.#child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#announce();
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#announce();
    });
    this.#child.on('exit', () => this.#announce());
  }

  /** Wakes who waits for output or the end. */
  #announce(): void {
    this.#wake();
    this.#renewChange();
  }

  #renewChange(): void {
    ({ promise: this.#changed, resolve: this.#wake } = Promise.withResolvers<undefined>());
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when the output holds `text`; rejects when the process ends before. */
  async prints(text: string | RegExp): Promise<string> {
    const holds = (): boolean => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output));
    while (!holds()) {
      if (this.hasEnded) throw new Error(`ended before it printed ${String(text)}:\n${this.output}`);
      await this.#changed;
    }
    return this.output;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    if (!this.hasEnded) {
      this.#child.kill(signal);
    }
    return await this.finished();
  }

  async finished(): Promise<Finished> {
    if (!this.hasEnded) await once(this.#child, 'close');
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** A data directory, free ports and every process that a test started in them. */
export class Playground implements AsyncDisposable {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #processes: EnmeshProcess[] = [];

  private constructor(dataDir: string, env: NodeJS.ProcessEnv) {
    this.dataDir = dataDir;
    this.env = env;
  }

  /** @param settings further variables; without ENMESH_DATABASE_URL only `dev` runs */
  static async open(settings: NodeJS.ProcessEnv = {}): Promise<Playground> {
    const dataDir = await mkdtemp(join(tmpdir(), 'enmesh-e2e-'));
    const [gateway, server, exports, federation, metrics] = await freePorts(5);
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('ENMESH_'));
    return new Playground(dataDir, {
      ...Object.fromEntries(clean),
      ENMESH_DATA_DIR: dataDir,
      ENMESH_GATEWAY_ADDRESS: `127.0.0.1:${gateway}`,
      ENMESH_GRPC_ADDRESS: `127.0.0.1:${server}`,
      ENMESH_EXPORT_ADDRESS: `127.0.0.1:${exports}`,
      ENMESH_FEDERATION_ADDRESS: `127.0.0.1:${federation}`,
      ENMESH_METRICS_ADDRESS: `127.0.0.1:${metrics}`,
      ...settings,
    });
  }

  get gatewayUrl(): string {
    return `http://${this.env['ENMESH_GATEWAY_ADDRESS']!}`;
  }

  /** Of the process that has its metrics where the playground says. */
  get statusUrl(): string {
    return `http://${this.env['ENMESH_METRICS_ADDRESS']!}`;
  }

  /** Starts a command that goes on. */
  start(args: readonly string[], settings: NodeJS.ProcessEnv = {}): EnmeshProcess {
    const started = new EnmeshProcess(args, { ...this.env, ...settings });
    this.#processes.push(started);
    return started;
  }

  /** Runs a command to its end. */
  async run(...args: readonly string[]): Promise<Finished> {
    return await this.start(args).finished();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map(async (running) => running.end()));
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** What `serve` needs beside a database, as an operator would set it: development windows, keys made at start. */
export function serveSettings(databaseUrl: string): NodeJS.ProcessEnv {
  return {
    ENMESH_DATABASE_URL: databaseUrl,
    ENMESH_CREATE_KEYS: 'true',
    ENMESH_REVISION_TOKEN_KEY: 'revision-token',
    ENMESH_REVISION_TOKEN_AAD: randomBytes(32).toString('base64'),
    ENMESH_TRUNCATE_WINDOW: '1s',
    ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
    ENMESH_EXPORT_INTERVAL: '1s',
    ENMESH_EXPORT_LEASE: '3s',
    ENMESH_UNSAFE_SHORT_WINDOWS: 'true',
    ENMESH_UNSAFE_LOOPBACK: 'true',
    // Nobody balances load here; tests of stopping set their own.
    ENMESH_STOP_DRAIN: '0s',
  };
}
