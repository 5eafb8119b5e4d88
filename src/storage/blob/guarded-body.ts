/** A blob on its way from a provider: all of its bytes, or an error of ours; never silence, never less. */
import { Readable } from 'node:stream';
import { within } from '../../platform/time-limit.ts';

/** What a body is held to. */
export interface BodyTerms {
  /** Bytes that must come. */
  readonly size: number;
  /** Longest wait for one piece, while somebody wants it: slow readers are none of the provider's fault. */
  readonly silenceMs: number;
  /** Makes an error of the provider's client one of ours. */
  readonly toFault: (error: unknown) => Error;
}

/** The same bytes. Destroying the answer, also unread, closes the connection. */
export function guardedBody(body: Readable, terms: BodyTerms): Readable {
  const guarded = Readable.from(pieces(body, terms), { objectMode: false });
  body.on('error', () => undefined);
  guarded.once('close', () => body.destroy());
  return guarded;
}

async function* pieces(body: Readable, { size, silenceMs, toFault }: BodyTerms): AsyncGenerator<Uint8Array> {
  const source = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let left = size;
  try {
    for (;;) {
      const next = await within(silenceMs, source.next());
      if (next.done === true) break;
      left -= next.value.length;
      yield next.value;
    }
  } catch (error) {
    body.destroy();
    throw toFault(error);
  }
  if (left !== 0) throw toFault(new Error('the body has another length than was announced'));
}
