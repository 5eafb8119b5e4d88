/** Publishes over a long-lived stream: what comes at about the same time crosses the network together. */
import { AppError } from '../../../domain/errors.ts';
import type { PublishClient } from '../wire.ts';
import { OpenStream, type PublishStreams, type WaitingPublish } from './wire.ts';

/** How long plain calls are made after a server role did not know the stream, as one of an older release does not. */
const plainForMs = 60_000;

/**
 * A stream gets no further publish while so many wait on it and another one may be had: server roles are called in turn,
 * so that each further stream leads to another of them.
 */
const mostOpen = 32;
const mostStreams = 8;

type Response = Awaited<ReturnType<PublishClient['publish']>>;

/** Publishes for a gateway whose server role runs in other processes. */
export class StreamingPublishClient implements PublishClient {
  readonly #service: PublishStreams;
  readonly #plain: PublishClient;
  #streams: OpenStream[] = [];
  #plainUntil = 0;

  /** @param plain for server roles that do not know streams */
  constructor(service: PublishStreams, plain: PublishClient) {
    this.#service = service;
    this.#plain = plain;
  }

  /** As PublishService.Publish, with the same errors. */
  async publish(...[request, options = {}]: Parameters<PublishClient['publish']>): Promise<Response> {
    if (performance.now() < this.#plainUntil) return await this.#plain.publish(request, options);
    const { signal, timeoutMs = 0 } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const publish: WaitingPublish = { request, timeoutMs, resolve, reject };
    const onAbort = () => {
      reject(new DOMException('the call was cancelled', 'AbortError'));
    };
    const onTimeout = () => {
      // The other side may have vanished without a word.
      publish.stream?.retire();
      reject(new AppError('timeout', 'deadline_exceeded', 'the called server did not answer in time'));
    };
    const timer = timeoutMs === 0 ? undefined : setTimeout(onTimeout, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    else this.#stream().send(publish);
    try {
      return await promise;
    } finally {
      publish.stream?.forget(publish);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the streams after the answers that are due. */
  close(): void {
    for (const stream of this.#streams) stream.retire();
  }

  /** The first with room, so that publishes travel together; else a further one; else that on which fewest wait. */
  #stream(): OpenStream {
    const now = performance.now();
    for (const stream of this.#streams) if (!stream.takes(now)) stream.retire();
    this.#streams = this.#streams.filter((stream) => stream.takes(now));
    const withRoom = this.#streams.find(({ open }) => open < mostOpen);
    if (withRoom) return withRoom;
    if (this.#streams.length < mostStreams) return this.#open(now);
    return this.#streams.reduce((fewest, stream) => (stream.open < fewest.open ? stream : fewest));
  }

  #open(now: number): OpenStream {
    const stream = new OpenStream(now);
    this.#streams.push(stream);
    void stream.run(this.#service).then(({ unanswered, error }) => {
      this.#goOn(unanswered, error);
    });
    return stream;
  }

  /** What a stream that ended well has not answered was not looked at; what a broken one has not, may have been. */
  #goOn(unanswered: readonly WaitingPublish[], error: unknown): void {
    const isUnknown = error instanceof AppError && error.code === 'unimplemented';
    if (isUnknown) this.#plainUntil = performance.now() + plainForMs;
    for (const publish of unanswered) {
      if (isUnknown) this.#plain.publish(publish.request, limitsOf(publish)).then(publish.resolve, publish.reject);
      else if (error === undefined) this.#stream().send(publish);
      else publish.reject(error);
    }
  }
}

function limitsOf({ timeoutMs }: WaitingPublish): { readonly timeoutMs?: number } {
  return timeoutMs === 0 ? {} : { timeoutMs };
}
