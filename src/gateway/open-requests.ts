/** What one connection may ask at a time, and how long it may take its answers. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A phone asks one thing after another; who asks on and on without reading would get round the limit to connections. */
const mostPipelined = 8;

/** The requests on a connection that are not answered to the end; one too many, or too slow, ends it. */
export class OpenRequests {
  readonly #socket: Socket;
  readonly #answerMs: number;
  #count = 0;
  #overdue: NodeJS.Timeout | undefined;

  /** @param answerMs how long the peer may take to receive an answer */
  constructor(socket: Socket, answerMs: number) {
    this.#socket = socket;
    this.#answerMs = answerMs;
    socket.once('close', () => {
      clearTimeout(this.#overdue);
    });
  }

  /** A request has come that will be answered by `response`. */
  add(response: ServerResponse): void {
    this.#count++;
    response.once('close', () => {
      this.#remove();
    });
    if (this.#count > mostPipelined) this.#socket.destroy();
    else this.#overdue ??= this.#waitForAnswer();
  }

  #remove(): void {
    this.#count--;
    clearTimeout(this.#overdue);
    this.#overdue = this.#count === 0 || this.#socket.destroyed ? undefined : this.#waitForAnswer();
  }

  #waitForAnswer(): NodeJS.Timeout {
    return setTimeout(() => this.#socket.destroy(), this.#answerMs);
  }
}
