/** Calls between strangers: each call proves who makes it, and nothing of the server is believed before it has proven itself. */
import { type CallOptions, type ClientMiddlewareCall, Metadata } from 'nice-grpc';

/** The server's initial metadata, as far as it proves anything. */
export interface ServerHeader {
  get(name: string): string | Uint8Array | undefined;
}

/** The proofs of one call. */
export interface CallProof {
  /** Request metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Rejects unless the header proves the server; without a header, it is empty. */
  verify(header: ServerHeader): Promise<void>;
}

/** Makes the proofs of a call that is about to begin. */
export type ProveCall = () => Promise<CallProof>;

/**
 * The middleware. A call whose server proves nothing fails as soon as its header is there; until then no message of the
 * server is handed over, and none of a stream of requests is sent.
 */
export function proveCalls(prove: ProveCall) {
  return async function* proven<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ): AsyncGenerator<Response, Response | void, undefined> {
    const proof = await prove();
    const gate = new Gate(proof);
    const metadata = Metadata(options.metadata);
    for (const [name, value] of Object.entries(proof.metadata)) metadata.set(name, value);
    const onHeader = (header: Metadata): void => {
      gate.check(header);
      options.onHeader?.(header);
    };
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const request = call.requestStream ? whenOpen(gate, call.request) : call.request;
    const next = call.next as (message: unknown, options: CallOptions) => AsyncGenerator<Response, Response | void>;
    const answers = next(request, { ...options, metadata, onHeader, signal });
    try {
      // A server that proves nothing may keep silent for ever.
      let answer = await Promise.race([answers.next(), gate.refused]);
      if (answer.done === true) gate.check(Metadata());
      await gate.opened;
      while (answer.done !== true) {
        yield answer.value;
        answer = await answers.next();
      }
      return answer.value;
    } finally {
      // The generator's own end would wait for an answer that is still under way.
      ended.abort();
      await answers.return(undefined).catch(() => undefined);
    }
  };
}

/** Whether the server has proven itself. */
class Gate {
  readonly #proof: CallProof;
  readonly #verified = Promise.withResolvers<undefined>();
  readonly opened = this.#verified.promise;
  /** Rejects when the server is refused; never resolves. */
  readonly refused: Promise<never> = this.opened.then(() => new Promise<never>(() => undefined));
  #isChecked = false;

  constructor(proof: CallProof) {
    this.#proof = proof;
    // Who waits for them, hears of it; a call that failed for another reason has nobody who waits.
    this.opened.catch(() => undefined);
    this.refused.catch(() => undefined);
  }

  /** The first header counts. */
  check(header: ServerHeader): void {
    if (this.#isChecked) return;
    this.#isChecked = true;
    this.#proof.verify(header).then(() => {
      this.#verified.resolve(undefined);
    }, this.#verified.reject);
  }
}

async function* whenOpen<Message>(gate: Gate, messages: AsyncIterable<Message>): AsyncGenerator<Message, void> {
  await gate.opened;
  yield* messages;
}
