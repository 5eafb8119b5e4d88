/** COPY … TO STDOUT read from the socket's own chunks, so that a million rows make no objects. */
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { AppError } from '../domain/errors.ts';

/** Takes rows as they arrive. */
export interface CopySink {
  /**
   * Takes one CopyData message (the protocol promises one a row): the bytes `from` up to `to`, valid during the call only.
   * Returns false when there is no room for another one.
   */
  take(bytes: Buffer, from: number, to: number): boolean;
}

/** What is used of pg's connection. */
interface Connection {
  readonly stream: Duplex;
  query(text: string): void;
}

const COPY_DATA = 0x64;
const COPY_OUT_RESPONSE = 0x48;
/** Message type and length. */
const FRAME_BYTES = 5;

/**
 * Runs a COPY statement on the client, which must be idle. Yields the sink whenever it is full; it must have room again
 * when the next turn is asked for; ends after the last row. Nothing is read from the socket in between: a slow consumer
 * slows PostgreSQL. A consumer that stops early costs the connection.
 */
export async function* copyOut<Sink extends CopySink>(
  client: pg.ClientBase,
  text: string,
  sink: Sink,
): AsyncGenerator<Sink> {
  const copy = new CopyOut(text, sink);
  client.query(copy as unknown as pg.Submittable);
  try {
    while (await copy.fillSink()) yield sink;
  } finally {
    await copy.close();
  }
}

/** A query in pg's sense that takes the socket over while rows flow, and hands it back with the first other message. */
class CopyOut {
  readonly #text: string;
  readonly #sink: CopySink;
  readonly #done = Promise.withResolvers<void>();
  #isDone = false;
  #stream: Duplex | undefined;
  #pgListener: ((chunk: Buffer) => void) | undefined;
  #isHandedBack = false;
  #wake: () => void = () => undefined;
  /** Bytes from #at are not parsed yet. */
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(text: string, sink: CopySink) {
    this.#text = text;
    this.#sink = sink;
    this.#done.promise.catch(() => undefined);
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: Connection): void {
    this.#stream = connection.stream;
    this.#pgListener = this.#stream.listeners('data')[0] as (chunk: Buffer) => void;
    this.#stream.off('data', this.#pgListener);
    this.#stream.pause();
    this.#stream.on('readable', this.#onReadable);
    connection.query(this.#text);
    this.#wake();
  }

  handleError(error: Error): void {
    this.#settle(() => this.#done.reject(error));
  }

  handleCommandComplete(): void {
    // The row count is not needed.
  }

  handleReadyForQuery(): void {
    this.#settle(() => this.#done.resolve());
  }

  /** False after the last row. */
  async fillSink(): Promise<boolean> {
    while (!this.#isDone) {
      if (this.#parse()) return true;
      if (this.#isHandedBack) break;
      const chunk = this.#stream?.read() as Buffer | null | undefined;
      if (chunk) this.#append(chunk);
      else await this.#somethingHappens();
    }
    await this.#done.promise;
    return false;
  }

  /** Resolves when the connection is free again, or gone when rows were still to come. */
  async close(): Promise<void> {
    if (!this.#isDone) this.#stream?.destroy();
    await this.#done.promise.catch(() => undefined);
  }

  readonly #onReadable = (): void => this.#wake();

  #settle(settle: () => void): void {
    this.#isDone = true;
    settle();
    this.#wake();
  }

  async #somethingHappens(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #append(chunk: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** Hands whole messages to the sink; true when it is full. */
  #parse(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    let isFull = false;
    while (!isFull && at + FRAME_BYTES <= bytes.length) {
      const type = bytes[at];
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (type !== COPY_DATA && type !== COPY_OUT_RESPONSE) {
        this.#handBack(bytes.subarray(at));
        return false;
      }
      if (end > bytes.length) break;
      if (type === COPY_DATA) isFull = !this.#sink.take(bytes, at + FRAME_BYTES, end);
      at = end;
    }
    this.#at = at;
    return isFull;
  }

  /** Something else than a row: pg reads on. */
  #handBack(rest: Buffer): void {
    const stream = this.#stream;
    const listener = this.#pgListener;
    if (!stream || !listener) throw new AppError('internal', 'internal_error', 'Internal Server Error');
    this.#isHandedBack = true;
    this.#bytes = Buffer.alloc(0);
    this.#at = 0;
    stream.off('readable', this.#onReadable);
    stream.on('data', listener);
    listener(rest);
    // `off('readable')` takes effect in the next tick, and would leave the stream paused.
    setImmediate(() => stream.resume());
  }
}
