/** Content on its way to a provider: every piece is heard of, and what its source does wrong is told apart. */
import { Readable } from 'node:stream';
import type { BlobContent, BlobSource } from './blob-store.ts';
import type { Silence } from './silence.ts';

/**
 * S3's client sends each piece as a chunk, and S3 refuses chunks below 8 KiB but for the last one. The client's own
 * remedy, `requestStreamBufferSize`, takes a source into memory as fast as it comes.
 */
const pieceBytes = 64 * 1024;

/** Content of one try. */
export class WatchedContent {
  /** What the provider's client is given. */
  readonly content: BlobContent;
  readonly #silence: Silence;
  readonly #readings: Readable[] = [];
  #failure: Error | undefined;

  constructor(content: BlobContent, silence: Silence) {
    this.#silence = silence;
    this.content =
      content instanceof Uint8Array ? content : { size: content.size, open: (): Readable => this.#open(content) };
  }

  /** What the source threw; that is no fault of the store, and trying again is no help. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Closes what the client has left open, as clients do that were refused early. */
  close(): void {
    for (const reading of this.#readings) reading.destroy();
  }

  #open({ size, open }: BlobSource): Readable {
    const origin = open();
    const waiting = new Pieces();
    let left = size;
    const reading = new Readable({
      read: () => origin.resume(),
      destroy: (error, done) => {
        origin.destroy();
        done(error);
      },
    });
    origin.on('data', (piece: Uint8Array) => {
      left -= piece.length;
      this.#silence.heard();
      waiting.add(piece);
      if (left < 0) this.#fail(otherSize());
      else if (waiting.size >= pieceBytes && !reading.push(waiting.take())) origin.pause();
    });
    origin.on('end', () => {
      if (left !== 0) {
        this.#fail(otherSize());
        return;
      }
      if (waiting.size > 0) reading.push(waiting.take());
      reading.push(null);
    });
    origin.on('error', (error) => {
      this.#fail(error);
    });
    origin.pause();
    this.#readings.push(reading);
    return reading;
  }

  /** The stream that the client sends never fails, because not every client listens: the whole request is given up. */
  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#silence.break(this.#failure);
  }
}

/** Bytes that wait until they are enough. */
class Pieces {
  #pieces: Uint8Array[] = [];
  size = 0;

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.size += piece.length;
  }

  take(): Uint8Array {
    const [first] = this.#pieces;
    const taken = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.size = 0;
    return taken;
  }
}

function otherSize(): Error {
  return new Error('the content has another size than it was said to have');
}
