/** The sockets under the gateway: TLS, time-outs, what is said to broken HTTP, and a soft stop. */
import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { AppError } from '../domain/errors.ts';
import type { Address } from '../platform/config/readers.ts';
import type { Logger } from '../platform/logger.ts';
import { within } from '../platform/time-limit.ts';
import type { GatewaySettings, GatewayTimeouts } from './settings.ts';

/** How often overdue connections are looked for, and quiet ones while it stops. */
const sweepMs = 1_000;
const stopSweepMs = 50;

/** Longer than the idle time of load balancers, so that they and not we end a connection (their usual 60 s). */
const keepAliveMs = 75_000;

/** A server that does not listen yet, and every connection to it. */
export class HttpServer {
  readonly server: Server;
  readonly #connections = new Set<Socket>();
  /** Connections that never sent a request, by the client's address and port: Node takes them for busy. */
  readonly #silent = new Map<string, Socket>();

  /** @throws AppError `precondition`/`bad_tls` */
  constructor(settings: GatewaySettings, listener: RequestListener) {
    this.server = createServer(settings, listener);
    this.server.on('clientError', answerBrokenRequest);
    this.server.setTimeout(settings.timeouts.idleMs);
    this.server.keepAliveTimeout = keepAliveMs;
    this.server.on('connection', (socket: Socket) => {
      this.#track(socket);
    });
    // With TLS, a request's socket is another object than the connection's, with the same peer.
    this.server.on('request', ({ socket }) => this.#silent.delete(peerOf(socket)));
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
        `the gateway cannot listen on ${host}:${String(port)}: is another process there, and is the address this machine's?`,
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

/** What cannot be read as HTTP gets a bare status line. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = brokenRequestStatus(error.code);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function brokenRequestStatus(code: string | undefined): string {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return '400 Bad Request';
}
