/** An HTTP/1.1 client on one connection that sees what somebody on the wire sees: bytes of the header, and times. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came. */
export interface TimedAnswer {
  /** Status line and header lines, as sent. */
  readonly head: readonly string[];
  readonly body: string;
  /** Milliseconds from the request's last byte to the answer's first. */
  readonly firstByteMs: number;
  /** Milliseconds from the request's last byte to the answer's last. */
  readonly lastByteMs: number;
}

/** Sends one request after the other. */
export class KeepAliveClient {
  readonly #socket: Socket;
  #received = '';
  #firstByteAt = 0;
  #changed: (error?: Error) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).on('data', (chunk: Buffer) => {
      this.#firstByteAt ||= performance.now();
      this.#received += chunk.toString('latin1');
      this.#changed();
    });
    socket.once('close', () => this.#changed(new Error('the connection was closed')));
    socket.on('error', () => undefined);
  }

  /** @param url of the gateway, http */
  static async open(url: string): Promise<KeepAliveClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new KeepAliveClient(socket);
  }

  /**
   * POSTs JSON and waits for the whole answer, which must tell its length.
   * @param headers further header lines
   */
  async post(path: string, body: string, headers: readonly string[] = []): Promise<TimedAnswer> {
    const head = [
      `POST ${path} HTTP/1.1`,
      'Host: gateway',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
    ];
    this.#received = '';
    this.#firstByteAt = 0;
    const arrived = this.#wholeAnswer();
    const sentAt = performance.now();
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    const answer = await arrived;
    const lastByteMs = performance.now() - sentAt;
    return { ...answer, firstByteMs: this.#firstByteAt - sentAt, lastByteMs };
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy();
  }

  async #wholeAnswer(): Promise<Pick<TimedAnswer, 'head' | 'body'>> {
    const { promise, resolve, reject } = Promise.withResolvers<Pick<TimedAnswer, 'head' | 'body'>>();
    this.#changed = (error) => {
      if (error) {
        reject(error);
        return;
      }
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#received.slice(0, end);
      const body = this.#received.slice(end + 4);
      if (body.length === contentLength(head)) resolve({ head: head.split('\r\n'), body });
    };
    return await promise;
  }
}

function contentLength(head: string): number {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without its length: ${head}`);
  return Number(length);
}
