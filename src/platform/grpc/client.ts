/** Makes gRPC clients: every call has a deadline, finds a connection, and rejects with the AppError of the other side. */
import {
  ChannelCredentials,
  type Client,
  type CompatServiceDefinition,
  createChannel,
  createClientFactory,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';
import { hostOfTarget, isLoopback } from '../config/address.ts';
import { type CallLimits, limitCalls } from './client-calls.ts';
import { type CallTls, TlsChannelCredentials } from './client-tls.ts';
import type { Explain } from './connected.ts';
import { type ProveCall, proveCalls } from './proven-calls.ts';

/** How to reach the other side. */
export interface GrpcClientSettings {
  /** Plain text when not given. */
  readonly tls?: CallTls;
  /** Sent as `authorization: Bearer …`; needs TLS, but for loopback targets. */
  readonly token?: string;
}

/** A generated service definition. */
export type ServiceDefinition = TsProtoServiceDefinition;

/** A client and its connections. */
export interface GrpcClient<Definition extends CompatServiceDefinition> {
  readonly client: Client<Definition, CallLimits>;
  /** Ends the connections; running calls fail. */
  close(): void;
}

const channelOptions = {
  // One connection per address behind the name, calls in turn.
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.service_config_disable_resolution': 1,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  // A server that comes back is found within about a second.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // Longest connection attempt, TLS included.
  'grpc.min_reconnect_backoff_ms': 5_000,
  'grpc.dns_min_time_between_resolutions_ms': 5_000,
};

/** A server that ends connections on which it is asked too often whether it lives, as those in Go do, is not asked. */
const withoutKeepalive = { 'grpc.keepalive_time_ms': 2 ** 31 - 1, 'grpc.keepalive_permit_without_calls': 0 };

/** What differs from one client to another. */
export interface GrpcClientOptions {
  /** Deadline of unary calls, 10 s when not given. Streams have none unless the call names one. */
  readonly timeoutMs?: number;
  /** Longest time that a call waits for a connection, 2 s when not given. */
  readonly connectMs?: number;
  /** Finds out why there is no connection; not asked when not given. */
  readonly explain?: Explain;
  /** False: the server is not asked whether it lives. */
  readonly keepalive?: boolean;
  /** What each call proves, and what it wants proven; nothing when not given. */
  readonly prove?: ProveCall;
}

/** Deadline of unary calls. */
export const defaultTimeoutMs = 10_000;

/**
 * A client of one service. Calls reject with AppError, and with an `AbortError` only where the caller's own
 * signal was aborted. Each call takes `{ signal, timeoutMs }` beside nice-grpc's options.
 * @param target `HOST:PORT` or `dns:///HOST:PORT`
 * @throws AppError `precondition`/`insecure_token`, `precondition`/`bad_tls`
 */
export function createGrpcClient<Definition extends CompatServiceDefinition>(
  definition: Definition,
  target: string,
  settings: GrpcClientSettings,
  options: GrpcClientOptions = {},
): GrpcClient<Definition> {
  if (settings.token !== undefined && settings.tls === undefined && !isLoopback(hostOfTarget(target))) {
    throw new AppError(
      'precondition',
      'insecure_token',
      'a token must not cross the network in plain text: set the CA of the called server (ENMESH_CLIENT_TLS_CA)',
    );
  }
  const { timeoutMs = defaultTimeoutMs, connectMs, explain, keepalive = true, prove } = options;
  const channel = createChannel(target, credentialsOf(settings, hostOfTarget(target)), {
    ...channelOptions,
    ...(keepalive ? {} : withoutKeepalive),
  });
  const limits = limitCalls(channel, {
    timeoutMs,
    token: settings.token,
    ...(connectMs === undefined ? {} : { connectMs }),
    ...(explain === undefined ? {} : { explain }),
  });
  const factory = prove === undefined ? createClientFactory() : createClientFactory().use(proveCalls(prove));
  return {
    client: factory.use(limits).create(definition, channel),
    close: () => {
      channel.close();
    },
  };
}

function credentialsOf({ tls }: GrpcClientSettings, host: string): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  try {
    return new TlsChannelCredentials(tls, host);
  } catch (cause) {
    throw new AppError(
      'precondition',
      'bad_tls',
      'CA, certificate or key for gRPC calls cannot be used: they must be PEM, certificate and key together',
      { cause },
    );
  }
}
