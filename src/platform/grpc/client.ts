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

/** How to reach the other side. */
export interface GrpcClientSettings {
  /** PEM texts: who signs the server's certificate, and our own certificate for it. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
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

/** Deadline of unary calls. */
export const defaultTimeoutMs = 10_000;

/**
 * A client of one service. Calls reject with AppError, and with an `AbortError` only where the caller's own
 * signal was aborted. Each call takes `{ signal, timeoutMs }` beside nice-grpc's options.
 * @param target `HOST:PORT` or `dns:///HOST:PORT`
 * @param options `timeoutMs`: deadline of unary calls, 10 s when not given. Streams have none unless the call names one.
 * @throws AppError `precondition`/`insecure_token`, `precondition`/`bad_tls`
 */
export function createGrpcClient<Definition extends CompatServiceDefinition>(
  definition: Definition,
  target: string,
  settings: GrpcClientSettings,
  options: { readonly timeoutMs?: number } = {},
): GrpcClient<Definition> {
  if (settings.token !== undefined && settings.tls === undefined && !isLoopback(hostOfTarget(target))) {
    throw new AppError(
      'precondition',
      'insecure_token',
      'a token must not cross the network in plain text: set the CA of the called server (ENMESH_CLIENT_TLS_CA)',
    );
  }
  const channel = createChannel(target, credentialsOf(settings), channelOptions);
  const limits = limitCalls(channel, { timeoutMs: options.timeoutMs ?? defaultTimeoutMs, token: settings.token });
  return {
    client: createClientFactory().use(limits).create(definition, channel),
    close: () => {
      channel.close();
    },
  };
}

function credentialsOf({ tls }: GrpcClientSettings): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  try {
    return ChannelCredentials.createSsl(Buffer.from(tls.ca), bytes(tls.key), bytes(tls.cert));
  } catch (cause) {
    throw new AppError(
      'precondition',
      'bad_tls',
      'CA, certificate or key for gRPC calls cannot be used: they must be PEM, certificate and key together',
      { cause },
    );
  }
}

function bytes(text: string | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}
