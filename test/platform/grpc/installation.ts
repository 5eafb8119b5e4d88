/** A real gRPC server of test services with a client, on a free port. */
import type { CallContext, ServiceImplementation } from 'nice-grpc';
import { AdminServiceDefinition, type GetResponse } from '../../../src/gen/enmesh/admin/v1/admin.ts';
import { ExportServiceDefinition } from '../../../src/gen/enmesh/export/v1/export.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { createGrpcClient, type GrpcClient, type GrpcClientSettings } from '../../../src/platform/grpc/client.ts';
import {
  grpcService,
  type GrpcServerSettings,
  type GrpcService,
  startGrpcServer,
} from '../../../src/platform/grpc/server.ts';

/** Listens on this machine without TLS: every caller may do everything. */
export const plain: GrpcServerSettings = {
  address: { host: '127.0.0.1', port: 0 },
  callers: new Map(),
  callerTokens: new Map(),
};

/** AdminService whose Get does what the test wants. */
export function adminService(get: (context: CallContext) => Promise<GetResponse>): GrpcService {
  return grpcService(AdminServiceDefinition, {
    get: async (_request, context) => await get(context),
    plan: () => Promise.resolve({ changes: [] }),
    apply: () => Promise.resolve({ changes: [] }),
  });
}

type ExportImplementation = ServiceImplementation<typeof ExportServiceDefinition>;

/** ExportService whose named methods do what the test wants; the others refuse. */
export function exportService(methods: Partial<ExportImplementation>): GrpcService {
  const refuse = () => Promise.reject(new AppError('internal', 'not_in_this_test', 'not in this test'));
  const names = Object.keys(ExportServiceDefinition.methods);
  const all = Object.fromEntries(names.map((name) => [name, refuse]));
  return grpcService(ExportServiceDefinition, { ...all, ...methods } as ExportImplementation);
}

/** A started server and ways to call it. */
export interface TestInstallation extends AsyncDisposable {
  readonly server: Awaited<ReturnType<typeof startGrpcServer>>;
  readonly target: string;
  /** Log lines. */
  readonly lines: readonly Record<string, unknown>[];
  readonly metrics: Metrics;
  admin(
    settings?: GrpcClientSettings,
    limits?: { timeoutMs?: number },
  ): GrpcClient<typeof AdminServiceDefinition>['client'];
  exports(settings?: GrpcClientSettings): GrpcClient<typeof ExportServiceDefinition>['client'];
}

/** How to start. */
export interface TestOptions {
  readonly settings?: GrpcServerSettings;
  readonly isReady?: () => Promise<boolean>;
  readonly slowReaderMs?: number;
  readonly stopTimeoutMs?: number;
}

/** Starts a server. */
export async function start(services: readonly GrpcService[], options: TestOptions = {}): Promise<TestInstallation> {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    level: 'info',
    pretty: false,
    destination: { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const metrics = new Metrics();
  const server = await startGrpcServer({
    settings: options.settings ?? plain,
    services,
    isReady: options.isReady ?? (() => Promise.resolve(true)),
    logger,
    metrics,
    stopTimeoutMs: options.stopTimeoutMs ?? 2_000,
    ...(options.slowReaderMs === undefined ? {} : { slowReaderMs: options.slowReaderMs }),
  });
  const clients: { close(): void }[] = [];
  const target = `localhost:${String(server.address.port)}`;
  const admin = (settings: GrpcClientSettings = {}, limits: { timeoutMs?: number } = {}) => {
    const made = createGrpcClient(AdminServiceDefinition, target, settings, limits);
    clients.push(made);
    return made.client;
  };
  const exports = (settings: GrpcClientSettings = {}) => {
    const made = createGrpcClient(ExportServiceDefinition, target, settings);
    clients.push(made);
    return made.client;
  };
  return {
    server,
    target,
    lines,
    metrics,
    admin,
    exports,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await server.stop();
    },
  };
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (error) {
    return error as AppError;
  }
  throw new Error('expected a rejection');
}
