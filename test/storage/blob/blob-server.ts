/** A provider that answers what a test says, over real HTTP, and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request that came in whole. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What is answered; `hang` never is. */
export type Answer =
  | 'hang'
  | 'cut'
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      /** The rest of the body never comes. */
      readonly unfinished?: boolean;
      /** It begins no earlier. */
      readonly after?: Promise<unknown>;
    };

/** The server. */
export class BlobServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(answer: (request: SeenRequest, number: number) => Answer) {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(async (seen) => {
        const given = answer(seen, this.requests.length);
        if (typeof given === 'object') await given.after;
        give(response, given);
      });
    });
    this.#server.on('checkContinue', (request, response: ServerResponse) => {
      response.writeContinue();
      this.#server.emit('request', request, response);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param answer to a request and its number, from 1 */
  static async open(answer: (request: SeenRequest, number: number) => Answer): Promise<BlobServer> {
    const server = new BlobServer(answer);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #take(request: IncomingMessage): Promise<SeenRequest> {
    const { method = '', url = '', headers } = request;
    const seen = { method, url, headers, body: await buffer(request) };
    this.requests.push(seen);
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}

function give(response: ServerResponse, answer: Answer): void {
  if (answer === 'hang') return;
  if (answer === 'cut') {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, answer.headers);
  if (answer.unfinished === true) response.write(answer.body);
  else response.end(answer.body);
}
