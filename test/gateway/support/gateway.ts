/** A real gateway on real sockets, with the other roles played by small services behind real gRPC. */
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { ExportServiceDefinition, type ExportServiceImplementation } from '../../../src/gen/enmesh/export/v1/export.ts';
import {
  IdentityServiceDefinition,
  type IdentityServiceImplementation,
} from '../../../src/gen/enmesh/federation/v1/identity.ts';
import {
  PublishServiceDefinition,
  type PublishServiceImplementation,
} from '../../../src/gen/enmesh/publish/v1/publish.ts';
import { StatsServiceDefinition, type StatsServiceImplementation } from '../../../src/gen/enmesh/publish/v1/stats.ts';
import { gatewayDefaults, startGateway, type GatewaySettings } from '../../../src/gateway/start.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { AppError } from '../../../src/domain/errors.ts';

const loopback = { host: '127.0.0.1', port: 0 };

export const testSettings: GatewaySettings = {
  ...gatewayDefaults,
  address: loopback,
  maintenance: false,
  hasV1Alpha1: false,
  rateLimitPerMinute: 0,
  maxConnections: 1_000,
  padding: { minBytes: 1024, range: 1024 },
  statsPadding: { minBytes: 2048, range: 1024 },
  trustedProxies: [],
};

/** What a test decides. */
export interface TestGatewayOptions {
  readonly settings?: Partial<GatewaySettings>;
  readonly publish?: PublishServiceImplementation['publish'];
  readonly stats?: StatsServiceImplementation['getStats'];
  readonly exports?: Partial<ExportServiceImplementation>;
  readonly identity?: IdentityServiceImplementation['getIdentity'];
  readonly isReady?: () => Promise<boolean>;
}

/** A running gateway with its neighbours. */
export interface TestGateway extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Log lines, parsed. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  readonly metrics: Metrics;
  /** Announces the stop of the gateway. */
  drain(): void;
  /** Stops the gateway alone. */
  stop(): Promise<void>;
  /** Stops the server role and the export role. */
  stopRoles(): Promise<void>;
}

export async function openGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const logs: Record<string, unknown>[] = [];
  const logger = createLogger({ level: 'info', pretty: false, destination: collect(logs) });
  const quiet = createLogger({ level: 'silent', pretty: false });
  const roles = await startGrpcServer({
    settings: { address: loopback, callers: new Map(), callerTokens: new Map() },
    services: [
      grpcService(PublishServiceDefinition, { publish: options.publish ?? (() => Promise.resolve({})) }),
      grpcService(StatsServiceDefinition, { getStats: options.stats ?? (() => Promise.resolve({})) }),
      grpcService(ExportServiceDefinition, { ...noExports, ...options.exports }),
      grpcService(IdentityServiceDefinition, {
        getIdentity: options.identity ?? (() => Promise.resolve({})),
        rotateIdentityKey: missing,
      }),
    ],
    isReady: () => Promise.resolve(true),
    logger: quiet,
    metrics: new Metrics(),
    stopTimeoutMs: 100,
  });
  const target = `127.0.0.1:${String(roles.address.port)}`;
  const publish = createGrpcClient(PublishServiceDefinition, target, {});
  const stats = createGrpcClient(StatsServiceDefinition, target, {});
  const exports = createGrpcClient(ExportServiceDefinition, target, {});
  const identity = createGrpcClient(IdentityServiceDefinition, target, {});
  const metrics = new Metrics();
  const gateway = await startGateway({
    settings: { ...testSettings, ...options.settings },
    publish: publish.client,
    stats: stats.client,
    exports: exports.client,
    identity: identity.client,
    logger,
    metrics,
    isReady: options.isReady ?? (() => Promise.resolve(true)),
  });
  return {
    port: gateway.address.port,
    url: `http://127.0.0.1:${String(gateway.address.port)}`,
    logs,
    metrics,
    drain: () => gateway.drain?.(),
    stop: () => gateway.stop(),
    stopRoles: () => roles.stop(),
    [Symbol.asyncDispose]: async () => {
      await gateway.stop();
      publish.close();
      stats.close();
      exports.close();
      identity.close();
      await roles.stop();
    },
  };
}

function missing(): never {
  throw new AppError('not_found', 'not_found', 'no such export');
}

const noExports: ExportServiceImplementation = {
  getIndex: missing,
  getFile: missing,
  getPublicKeys: missing,
  run: missing,
  listBatches: missing,
  reprocess: missing,
  rotateSigningKey: missing,
  getSigningKey: missing,
  plan: missing,
  explainKey: missing,
};

function collect(lines: Record<string, unknown>[]): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
}

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** One request on a connection of its own; the path goes out exactly as given. */
export async function ask(
  gateway: { readonly port: number },
  path: string,
  options: { method?: string; headers?: OutgoingHttpHeaders; body?: string | Buffer } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { method = 'GET', headers = {}, body } = options;
  const request = httpRequest({ host: '127.0.0.1', port: gateway.port, path, method, headers, agent: false });
  request.on('error', reject);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const bytes = Buffer.concat(chunks);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes, text: bytes.toString() });
    });
  });
  request.end(body);
  return await promise;
}

/** A publish answer. */
export interface PublishJson {
  readonly revisionToken?: string;
  readonly insertedExposures?: number;
  readonly error?: string;
  readonly code?: string;
  readonly padding?: string;
  readonly warnings?: readonly string[];
}

/** Sends a body to `/v1/publish`. */
export async function publish(
  gateway: { readonly port: number },
  body: string | Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer & { readonly json: PublishJson }> {
  const answer = await ask(gateway, '/v1/publish', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  return { ...answer, json: JSON.parse(answer.text) as PublishJson };
}

/** A socket that a test writes to byte by byte. */
export class RawConnection {
  readonly #socket: Socket;
  #received = '';
  readonly closed: Promise<void>;

  constructor(gateway: { readonly port: number }) {
    this.#socket = connect(gateway.port, '127.0.0.1');
    this.#socket.on('data', (chunk: Buffer) => (this.#received += chunk.toString('latin1')));
    this.#socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** Everything that came so far. */
  get received(): string {
    return this.#received;
  }

  async send(text: string): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(text, 'latin1', () => resolve()));
  }

  /** Resolves when what came holds `text`. */
  async receives(text: string): Promise<string> {
    while (!this.#received.includes(text)) {
      await Promise.race([
        new Promise((resolve) => this.#socket.once('data', resolve)),
        this.closed.then(() => {
          if (!this.#received.includes(text)) throw new Error(`closed before ${text}: ${this.#received}`);
        }),
      ]);
    }
    return this.#received;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
