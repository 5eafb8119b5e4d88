/** Downloads one URL again and again over kept connections, in a process of its own that throws the bytes away. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { closedLoop, type LoopResult } from './closed-loop.ts';

/** What {@link DownloadLoad} is told to do. */
export interface DownloadOrder {
  readonly url: string;
  readonly downloads: number;
  readonly connections: number;
  /** Bytes that every download must have. */
  readonly size: number;
}

/** One connection; one request after the other. */
class Download {
  readonly #socket: Socket;
  readonly #request: string;
  readonly #size: number;
  #head = '';
  #missing = -1;
  #done: (error?: Error) => void = () => undefined;

  private constructor(socket: Socket, { url, size }: DownloadOrder) {
    this.#socket = socket;
    this.#size = size;
    this.#request = `GET ${new URL(url).pathname} HTTP/1.1\r\nHost: gateway\r\n\r\n`;
    socket.setNoDelay(true).on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.once('close', () => {
      this.#done(new Error('the connection was closed'));
    });
    socket.on('error', () => undefined);
  }

  static async open(order: DownloadOrder): Promise<Download> {
    const { hostname, port } = new URL(order.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Download(socket, order);
  }

  async run(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#head = '';
    this.#missing = -1;
    this.#done = (error) => {
      if (error) reject(error);
      else resolve(undefined);
    };
    this.#socket.write(this.#request);
    await promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#missing >= 0) this.#missing -= chunk.length;
    else {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1]);
      if (!this.#head.startsWith('HTTP/1.1 200 ') || length !== this.#size) {
        this.#done(new Error(`a download was answered ${this.#head.slice(0, end)}`));
        return;
      }
      this.#missing = length - (this.#head.length - end - 4);
    }
    if (this.#missing === 0) this.#done();
  }
}

async function download(order: DownloadOrder): Promise<LoopResult> {
  const idle = await Promise.all(Array.from({ length: order.connections }, () => Download.open(order)));
  const result = await closedLoop(order.downloads, order.connections, async () => {
    const connection = idle.pop()!;
    await connection.run();
    idle.push(connection);
  });
  for (const connection of idle) connection.close();
  return result;
}

process.on('message', (order: DownloadOrder) => {
  void download(order).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: String(error) }),
  );
});
process.send!('ready');
