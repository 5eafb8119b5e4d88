/** One stream of publishes to one server role, from its first publish to its last answer. */
import { AppError } from '../../../domain/errors.ts';
import { PublishRequest, type PublishResponse } from '../../../gen/enmesh/publish/v1/publish.ts';
import type {
  DeepPartial,
  NumberedAnswer,
  NumberedPublish,
  PublishManyRequest,
  PublishStreamServiceClient,
} from '../../../gen/enmesh/publish/v1/publish_stream.ts';
import { Gathering } from '../../../platform/gathering.ts';
import type { CallLimits } from '../../../platform/grpc/client-calls.ts';
import { kindOf } from '../../../platform/grpc/errors.ts';

/** How long a stream takes new publishes: a server role that has come since gets its share after that. */
const renewAfterMs = 30_000;

/**
 * Most publishes in one message. A body of 64,000 bytes grows to three times as many when none of them is UTF-8, and a
 * gRPC message has at most 4 MiB: one that is larger would end the stream for all that wait on it.
 */
const mostTogether = 16;

/** The stream service of the server role, as the gateway calls it. */
export type PublishStreams = PublishStreamServiceClient<CallLimits>;

/** A publish that waits for its answer. */
export interface WaitingPublish {
  readonly request: DeepPartial<PublishRequest>;
  /** Told to the server; 0 = without end. */
  readonly timeoutMs: number;
  /** The stream that it waits on. */
  stream?: OpenStream;
  resolve(response: PublishResponse): void;
  reject(error: unknown): void;
}

/** A stream; it runs from {@link run} on. */
export class OpenStream {
  readonly #sending = new Gathering<NumberedPublish>(mostTogether);
  readonly #waiting = new Map<WaitingPublish, number>();
  readonly #byNumber = new Map<number, WaitingPublish>();
  readonly #retiresAt: number;
  #lastNumber = 0;
  #isRetired = false;

  /** @param now `performance.now()` */
  constructor(now: number) {
    this.#retiresAt = now + renewAfterMs;
  }

  /** True while new publishes may be sent. */
  takes(now: number): boolean {
    return !this.#isRetired && now < this.#retiresAt;
  }

  /** Publishes that wait for their answer. */
  get open(): number {
    return this.#waiting.size;
  }

  /** Sends a publish. */
  send(publish: WaitingPublish): void {
    const number = ++this.#lastNumber;
    publish.stream = this;
    this.#waiting.set(publish, number);
    this.#byNumber.set(number, publish);
    const { request, timeoutMs } = publish;
    this.#sending.push({ number, request: PublishRequest.fromPartial(request), timeoutMs });
  }

  /** Nobody waits for its answer any more. */
  forget(publish: WaitingPublish): void {
    this.#byNumber.delete(this.#waiting.get(publish) ?? 0);
    this.#waiting.delete(publish);
  }

  /** Takes no more publishes; those that were sent are still answered. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#sending.end();
  }

  /**
   * Runs the stream to its end.
   * @returns publishes without an answer, and why: undefined when the server ended well, and has not looked at them
   */
  async run(
    client: PublishStreams,
  ): Promise<{ readonly unanswered: readonly WaitingPublish[]; readonly error: unknown }> {
    let failure: unknown;
    try {
      for await (const { answers } of client.publishMany(this.#requests())) {
        for (const answer of answers) this.#settle(answer);
      }
    } catch (error) {
      failure = error;
    }
    this.retire();
    return { unanswered: [...this.#waiting.keys()], error: failure };
  }

  async *#requests(): AsyncGenerator<DeepPartial<PublishManyRequest>, void, undefined> {
    for await (const publishes of this.#sending.lists()) yield { publishes };
  }

  #settle({ number, outcome }: NumberedAnswer): void {
    const publish = this.#byNumber.get(number);
    if (publish === undefined) return;
    this.forget(publish);
    if (outcome?.$case === 'response') publish.resolve(outcome.value);
    else if (outcome?.$case === 'refusal') {
      const { status, code, message, details } = outcome.value;
      publish.reject(new AppError(kindOf(status), code, message, { details }));
    } else publish.reject(new AppError('internal', 'internal_error', 'the called server failed'));
  }
}
