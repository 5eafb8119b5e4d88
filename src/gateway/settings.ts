/** What the gateway can be told, and how the environment tells it. */
import type { Values } from '../platform/config/load.ts';
import type { Address, Cidr } from '../platform/config/readers.ts';
import { serverTls } from '../platform/config/tls-files.ts';

/** Everything that changes how the gateway behaves; nothing else is read while it runs. */
export interface GatewaySettings {
  /** Port 0 = any free one. */
  readonly address: Address;
  /** PEM texts; plain HTTP when absent, as behind a load balancer. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Publish and statistics answer 503. */
  readonly maintenance: boolean;
  /** Random bytes in a publish answer: from `minBytes` to `minBytes + range - 1`. */
  readonly padding: PaddingSettings;
  /** The same for statistics. */
  readonly statsPadding: PaddingSettings;
  /** Most bytes of a publish request. */
  readonly bodyLimit: number;
  readonly timeouts: GatewayTimeouts;
  /** `POST /` is answered too, as the first apps want it. */
  readonly hasV1Alpha1: boolean;
  /** Requests that one client may send in a minute to each process; 0 = any number. */
  readonly rateLimitPerMinute: number;
  /** Most connections at a time. */
  readonly maxConnections: number;
  /** Whose `Forwarded` and `X-Forwarded-For` name the client. */
  readonly trustedProxies: readonly Cidr[];
  /** Sent with every 503. */
  readonly retryAfterSeconds: number;
  /** Most bytes of published files that are kept in memory. */
  readonly fileCacheBytes: number;
  /** How long it holds that a file may be read: after that, the export role is asked whether it still may. */
  readonly fileFreshMs: number;
}

/** How much padding an answer gets. */
export interface PaddingSettings {
  readonly minBytes: number;
  readonly range: number;
}

/** Limits to waiting, in milliseconds. */
export interface GatewayTimeouts {
  /** Until the header of a request has arrived. */
  readonly headerMs: number;
  /** Until a whole request has arrived. */
  readonly requestMs: number;
  /** Until another role has answered. */
  readonly callMs: number;
  /** From a request's header until its whole answer is taken. */
  readonly answerMs: number;
  /** Until a connection on which nothing moves is cut. */
  readonly idleMs: number;
  /** Until a connection that waits for its next request is cut. */
  readonly keepAliveMs: number;
  /** What connections on which no request runs get when the gateway stops: one may be on its way. */
  readonly quietMs: number;
  /** What running requests get when the gateway stops. */
  readonly stopMs: number;
}

/**
 * What the environment does not name. Body limit and header time-out: reference 1.4 and 1.1. An answer of 16 MB may
 * come at 20 kB/s. Load balancers, which wait 60 s, and not we should end a connection. A hold is everywhere within 30 s
 * (decisions, Operations).
 */
export const gatewayDefaults = {
  bodyLimit: 64_000,
  timeouts: {
    headerMs: 10_000,
    requestMs: 30_000,
    callMs: 10_000,
    answerMs: 900_000,
    idleMs: 60_000,
    keepAliveMs: 75_000,
    quietMs: 1_000,
    stopMs: 10_000,
  },
  retryAfterSeconds: 60,
  fileCacheBytes: 64 * 1024 * 1024,
  fileFreshMs: 10_000,
} as const;

/**
 * Settings from the environment.
 * @throws ConfigurationError for TLS files that cannot be used
 */
export async function gatewaySettings(values: Values): Promise<GatewaySettings> {
  const tls = await serverTls(values, 'ENMESH_GATEWAY');
  const { timeouts } = gatewayDefaults;
  const stopMs = values.ENMESH_STOP_TIMEOUT * 1000;
  return {
    ...gatewayDefaults,
    timeouts: { ...timeouts, quietMs: Math.min(timeouts.quietMs, stopMs / 2), stopMs },
    address: values.ENMESH_GATEWAY_ADDRESS,
    ...(tls === undefined ? {} : { tls }),
    maintenance: values.ENMESH_MAINTENANCE_MODE,
    padding: {
      minBytes: values.ENMESH_RESPONSE_PADDING_MIN_BYTES,
      range: values.ENMESH_RESPONSE_PADDING_RANGE,
    },
    statsPadding: {
      minBytes: values.ENMESH_STATS_RESPONSE_PADDING_MIN_BYTES,
      range: values.ENMESH_STATS_RESPONSE_PADDING_RANGE,
    },
    hasV1Alpha1: values.ENMESH_ENABLE_V1ALPHA1_API,
    rateLimitPerMinute: values.ENMESH_RATE_LIMIT_PER_MINUTE,
    maxConnections: values.ENMESH_GATEWAY_MAX_CONNECTIONS,
    trustedProxies: values.ENMESH_TRUSTED_PROXIES,
  };
}
