/** PublishStreamService over gRPC: many publishes on one stream, each answered as PublishService would. */
import { AppError } from '../../../domain/errors.ts';
import type { PublishRequest, PublishResponse } from '../../../gen/enmesh/publish/v1/publish.ts';
import type {
  DeepPartial,
  NumberedAnswer,
  NumberedPublish,
  PublishManyRequest,
  PublishManyResponse,
  PublishStreamServiceImplementation,
} from '../../../gen/enmesh/publish/v1/publish_stream.ts';
import { Gathering } from '../../../platform/gathering.ts';
import type { CallLimits } from '../../../platform/grpc/client-calls.ts';
import { statusOf, unforeseen } from '../../../platform/grpc/errors.ts';

/** PublishService as it is called within this process. */
export interface LocalPublish {
  publish(request: PublishRequest, options: CallLimits): Promise<PublishResponse>;
}

/** Most publishes of one stream whose answers have not been taken; further ones wait, be they in the same message. */
const mostOpen = 1_000;

/** Most answers in one message, which is far from the 4 MiB that it may have. */
const mostTogether = 64;

/** The service, which can be asked to end its streams. */
export interface PublishStreams {
  readonly service: PublishStreamServiceImplementation;
  /** Nothing more is read; what was read is answered, then every stream ends with OK. */
  end(): void;
}

/** @param publishService asked for when the first publish comes */
export function createPublishStreams(publishService: () => LocalPublish): PublishStreams {
  const streams = new Set<PublishStream>();
  let isEnding = false;
  return {
    service: {
      async *publishMany(requests, { signal }) {
        const stream = new PublishStream(publishService());
        const stop = () => {
          stream.stop();
        };
        if (isEnding || signal.aborted) stop();
        signal.addEventListener('abort', stop);
        streams.add(stream);
        try {
          const reading = stream.read(requests);
          // Awaited when all that was read is answered.
          reading.catch(() => undefined);
          for await (const answers of stream.answers()) yield { answers } satisfies DeepPartial<PublishManyResponse>;
          await reading;
        } finally {
          streams.delete(stream);
        }
      },
    },
    end: () => {
      isEnding = true;
      for (const stream of streams) stream.stop();
    },
  };
}

/** One stream with what it works on. */
class PublishStream {
  readonly #service: LocalPublish;
  readonly #answered = new Gathering<NumberedAnswer>(mostTogether);
  #open = 0;
  #isStopped = false;
  #isRead = false;
  /** Called when it is stopped while it waits for a message. */
  #onStop: (() => void) | undefined;
  /** Called when there is room again. */
  #onRoom: (() => void) | undefined;

  constructor(service: LocalPublish) {
    this.#service = service;
  }

  /** Who asks for more has taken what came before. */
  async *answers(): AsyncGenerator<NumberedAnswer[], void, undefined> {
    for await (const answers of this.#answered.lists()) {
      yield answers;
      this.#open -= answers.length;
      if (this.#open < mostOpen) this.#onRoom?.();
      this.#endWhenDone();
    }
  }

  /** Reads no more. */
  stop(): void {
    this.#isStopped = true;
    this.#onStop?.();
  }

  /** Takes publishes until the caller has sent all, or it is stopped; a broken stream rejects. */
  async read(requests: AsyncIterable<PublishManyRequest>): Promise<void> {
    const iterator = requests[Symbol.asyncIterator]();
    try {
      while (!this.#isStopped) {
        const message = await this.#next(iterator);
        if (message === undefined) return;
        for (const publish of message.publishes) {
          void this.#answer(publish);
          if (this.#open >= mostOpen) await this.#room();
        }
      }
    } finally {
      this.#isRead = true;
      this.#endWhenDone();
    }
  }

  /** Not a race with a promise that outlives the message: that would keep every message until it is settled. */
  #next(iterator: AsyncIterator<PublishManyRequest>): Promise<PublishManyRequest | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<PublishManyRequest | undefined>();
    this.#onStop = () => {
      resolve(undefined);
    };
    iterator.next().then(({ done, value }) => {
      resolve(done === true ? undefined : value);
    }, reject);
    return promise;
  }

  async #answer({ number, request, timeoutMs }: NumberedPublish): Promise<void> {
    this.#open++;
    const outcome = await outcomeOf(this.#service, request, timeoutMs);
    this.#answered.push({ number, outcome });
  }

  async #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#onRoom = () => {
      resolve(undefined);
    };
    await promise;
  }

  #endWhenDone(): void {
    if (this.#isRead && this.#open === 0) this.#answered.end();
  }
}

async function outcomeOf(
  service: LocalPublish,
  request: PublishRequest | undefined,
  timeoutMs: number,
): Promise<NonNullable<NumberedAnswer['outcome']>> {
  try {
    if (request === undefined) throw new AppError('invalid', 'invalid_argument', 'a publish without a request');
    const limits = timeoutMs === 0 ? {} : { timeoutMs };
    return { $case: 'response', value: await service.publish(request, limits) };
  } catch (error) {
    const { kind, code, message, details } = error instanceof AppError ? error : unforeseen(error);
    return { $case: 'refusal', value: { status: statusOf(kind), code, message, details: [...details] } };
  }
}
