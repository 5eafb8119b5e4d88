/** An address that stays the same while what stands behind it goes and comes back elsewhere. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Passes connections on to a port of this machine. */
export class TcpProxy implements AsyncDisposable {
  readonly #server = createServer((client) => {
    this.#pass(client);
  });
  readonly #sockets = new Set<Socket>();
  #isClosed = false;
  targetPort: number;

  private constructor(targetPort: number) {
    this.targetPort = targetPort;
  }

  static async open(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks every connection there is; new ones are passed on. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Breaks every connection, and every new one, until it is opened again. */
  close(): void {
    this.#isClosed = true;
    this.cut();
  }

  /** Passes new connections on. */
  open(): void {
    this.#isClosed = false;
  }

  #pass(client: Socket): void {
    if (this.#isClosed) {
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const target = connect(this.targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }
}
