/** Starts a gRPC server with everything that every role wants: callers, errors, metrics, health, reflection, a soft stop. */
import { createSecureContext } from 'node:tls';
import { logVerbosity, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import {
  type Client,
  createServer,
  type Server,
  type ServerMiddleware,
  type ServiceImplementation,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';
import type { Address } from '../config/readers.ts';
import type { Running } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { within } from '../time-limit.ts';
import { measureCalls, reportFailures } from './call-outcomes.ts';
import { authorizeCalls, type CallerSettings, requireSecureAddress } from './callers.ts';
import { Health } from './health-service.ts';
import type { CallLimits } from './client-calls.ts';
import { createLocalClient } from './local-calls.ts';
import { addReflection } from './reflection.ts';
import { passPeerNames, TlsCredentials } from './server-tls.ts';
import { cutOffSlowReaders } from './slow-readers.ts';
import { refuseUnreadable, withUnreadable } from './unreadable-requests.ts';

/** Where to listen, and who may call. */
export type GrpcServerSettings = CallerSettings;

/** A service ready to be served. */
export interface GrpcService {
  readonly fullName: string;
  addTo(server: Server): void;
  /** Its unary methods for callers in this process. */
  callLocally(middleware: readonly ServerMiddleware[]): Client<TsProtoServiceDefinition, CallLimits>;
}

/** Joins a generated definition with its implementation. */
export function grpcService<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
  implementation: ServiceImplementation<Definition>,
): GrpcService {
  return {
    fullName: definition.fullName,
    addTo: (server) => {
      server.add(withUnreadable(definition), implementation);
    },
    callLocally: (middleware) => createLocalClient(definition, implementation, middleware),
  };
}

/** What {@link startGrpcServer} needs. */
export interface GrpcServerOptions {
  readonly settings: GrpcServerSettings;
  readonly services: readonly GrpcService[];
  /** Decides what health says; asked about every second. */
  isReady(): Promise<boolean>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A caller that takes nothing of a message for so long is cut off; never when not given. */
  readonly slowReaderMs?: number;
  /** Time that running calls get when the server stops; 10 s when not given. */
  readonly stopTimeoutMs?: number;
}

/** A server that listens. */
export interface RunningGrpcServer extends Running {
  readonly address: Address;
  /** A client of one of its services for roles in the same process: no socket, no caller to be authorized. */
  localClient<Definition extends TsProtoServiceDefinition>(definition: Definition): Client<Definition, CallLimits>;
}

/** Requests are small: a publish is at most 64,000 bytes, a configuration file some 100 KiB. */
export const mostRequestBytes = 4 * 1024 * 1024;

const channelOptions = {
  'grpc.max_receive_message_length': mostRequestBytes,
  'grpc.max_send_message_length': mostRequestBytes,
  'grpc.max_concurrent_streams': 1_000,
  // A dead peer is noticed within 40 s although nothing is sent.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Clients look the name up again when a connection ends, and so find new copies of a role.
  'grpc.max_connection_age_ms': 10 * 60_000,
};

/**
 * Listens and serves. Health says SERVING as soon as `isReady` says so; NOT_SERVING again from `drain` or `stop` on.
 * @returns the address it really listens on (port 0 = any free one)
 * @throws AppError `precondition`: `insecure_address`, `cannot_listen`, `bad_tls`
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<RunningGrpcServer> {
  const { settings, services, logger } = options;
  requireSecureAddress(settings);
  const serviceNames = services.map((service) => service.fullName);
  const health = new Health({ serviceNames, isReady: () => options.isReady(), logger });
  const measure = measureCalls(options.metrics);
  const report = reportFailures(logger);
  const server = createServer({
    ...channelOptions,
    interceptors: [
      ...(options.slowReaderMs === undefined ? [] : [cutOffSlowReaders(options.slowReaderMs, logger)]),
      ...(settings.tls?.clientCa ? [passPeerNames] : []),
    ],
  })
    .use(measure)
    .use(report)
    .use(authorizeCalls(settings))
    .use(refuseUnreadable);
  for (const service of services) service.addTo(server);
  health.addTo(server);
  addReflection(server, serviceNames);

  const port = await listen(server, settings);
  await health.start();
  const address = { host: settings.address.host, port };
  logger.info({ ...address, tls: settings.tls !== undefined, services: serviceNames }, 'gRPC listens');
  let stopped: Promise<void> | undefined;
  return {
    address,
    localClient: <Definition extends TsProtoServiceDefinition>({ fullName }: Definition) => {
      const service = services.find((candidate) => candidate.fullName === fullName);
      return service!.callLocally([measure, report]) as Client<Definition, CallLimits>;
    },
    drain: () => {
      health.drain();
    },
    stop: () => (stopped ??= stop(server, health, options)),
  };
}

async function listen(server: Server, { address, tls }: GrpcServerSettings): Promise<number> {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const credentials = tls === undefined ? ServerCredentials.createInsecure() : tlsCredentials(tls);
  // What grpc-js prints on its own is no JSON line, and says less than the error below.
  if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);
  try {
    return await server.listen(`${host}:${String(address.port)}`, credentials);
  } catch (cause) {
    // Anything else is a fault of ours, such as a method without an implementation.
    if (!(cause instanceof Error && /No address added|\bE[A-Z]{4,}\b/.test(cause.message))) throw cause;
    throw new AppError(
      'precondition',
      'cannot_listen',
      `gRPC cannot listen on ${host}:${String(address.port)}: is another process there, and is the address this machine's? ENMESH_GRPC_ADDRESS, ENMESH_EXPORT_ADDRESS or ENMESH_FEDERATION_ADDRESS sets it`,
      { cause },
    );
  }
}

function tlsCredentials(tls: NonNullable<GrpcServerSettings['tls']>): ServerCredentials {
  try {
    createSecureContext({ cert: tls.cert, key: tls.key, ca: tls.clientCa });
  } catch (cause) {
    throw new AppError(
      'precondition',
      'bad_tls',
      'certificate, key or client CA of a gRPC server cannot be used: they must be PEM, and the key must be that of the certificate',
      { cause },
    );
  }
  return new TlsCredentials(tls);
}

async function stop(server: Server, health: Health, options: GrpcServerOptions): Promise<void> {
  await health.stop();
  try {
    await within(options.stopTimeoutMs ?? 10_000, server.shutdown());
  } catch (err) {
    options.logger.warn({ err }, 'gRPC calls did not end in time and were cut off');
    server.forceShutdown();
  }
}
