/** The sockets under the gateway: TLS, limits and time-outs, and a soft stop. */
import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { AppError } from '../domain/errors.ts';
import type { Address } from '../platform/config/readers.ts';
import type { Logger } from '../platform/logger.ts';
import { within } from '../platform/time-limit.ts';
import { answerBrokenRequest, mostHeaderFields, refuseOddHeaders } from './odd-requests.ts';
import { OpenRequests } from './open-requests.ts';
import type { GatewaySettings, GatewayTimeouts } from './settings.ts';

/** How often overdue connections are looked for, and quiet ones while it stops. */
const sweepMs = 1_000;
const stopSweepMs = 50;

/** Most bytes of a request's header, its URL included: what Node takes unless it is told otherwise. */
const maxHeaderBytes = 16_384;

/** A server that does not listen yet, and every connection to it. */
export class HttpServer {
  readonly server: Server;
  readonly #connections = new Set<Socket>();
  /** Connections that never sent a request, by the client's address and port: Node takes them for busy. */
  readonly #silent = new Map<string, Socket>();
  readonly #open = new WeakMap<Socket, OpenRequests>();

  /** @throws AppError `precondition`/`bad_tls` */
  constructor(settings: GatewaySettings, listener: RequestListener) {
    this.server = createServer(settings, refuseOddHeaders(listener));
    this.server.maxConnections = settings.maxConnections;
    this.server.maxHeadersCount = mostHeaderFields + 1;
    this.server.on('clientError', answerBrokenRequest);
    this.server.setTimeout(settings.timeouts.idleMs);
    this.server.keepAliveTimeout = settings.timeouts.keepAliveMs;
    this.server.on('connection', (socket: Socket) => {
      this.#track(socket);
    });
    this.server.on('request', ({ socket }, response) => {
      // With TLS, a request's socket is another object than the connection's, with the same peer.
      this.#silent.delete(peerOf(socket));
      const open = this.#open.get(socket) ?? new OpenRequests(socket, settings.timeouts.answerMs);
      this.#open.set(socket, open);
      open.add(response);
    });
  }

  /**
   * Listens.
   * @returns the address it really listens on
   * @throws AppError `precondition`/`cannot_listen`
   */
  async listen({ host, port }: Address): Promise<Address> {
    try {
      this.server.listen({ host, port });
      await once(this.server, 'listening');
    } catch (cause) {
      throw new AppError(
        'precondition',
        'cannot_listen',
        `the gateway cannot listen on ${host}:${String(port)}: is another process there, and is the address this machine's? ENMESH_GATEWAY_ADDRESS sets it`,
        { cause },
      );
    }
    return { host, port: (this.server.address() as AddressInfo).port };
  }

  /**
   * Takes no more connections. Running requests are answered; connections on which none runs get `quietMs`, because one
   * may be on its way; what is left after `stopMs` is cut off.
   */
  async stop({ quietMs, stopMs }: GatewayTimeouts, logger: Logger): Promise<void> {
    const closed = once(this.server, 'close');
    // The HTTP server's own close would end quiet connections at once.
    NetServer.prototype.close.call(this.server);
    let sweep: NodeJS.Timeout | undefined;
    const quiet = setTimeout(() => {
      sweep = setInterval(() => this.#endQuiet(), stopSweepMs);
      this.#endQuiet();
    }, quietMs);
    try {
      await within(stopMs, closed);
    } catch {
      logger.warn({ connections: this.#connections.size }, 'requests did not end in time and were cut off');
      for (const socket of this.#connections) socket.destroy();
      await closed;
    } finally {
      clearTimeout(quiet);
      clearInterval(sweep);
      this.server.close();
    }
  }

  #track(socket: Socket): void {
    const peer = peerOf(socket);
    this.#connections.add(socket);
    this.#silent.set(peer, socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (this.#silent.get(peer) === socket) this.#silent.delete(peer);
    });
  }

  #endQuiet(): void {
    this.server.closeIdleConnections();
    for (const socket of this.#silent.values()) socket.destroy();
  }
}

function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${String(remotePort)}`;
}

function createServer(settings: GatewaySettings, listener: RequestListener): Server {
  const options: ServerOptions = {
    headersTimeout: settings.timeouts.headerMs,
    requestTimeout: settings.timeouts.requestMs,
    connectionsCheckingInterval: sweepMs,
    maxHeaderSize: maxHeaderBytes,
    noDelay: true,
  };
  if (settings.tls === undefined) return createPlainServer(options, listener);
  try {
    const tls = { ...settings.tls, minVersion: 'TLSv1.2', handshakeTimeout: settings.timeouts.headerMs } as const;
    return createTlsServer({ ...options, ...tls }, listener);
  } catch (cause) {
    throw new AppError(
      'precondition',
      'bad_tls',
      'certificate or key of the gateway cannot be used: they must be PEM, and the key must be that of the certificate',
      { cause },
    );
  }
}
