/** What happens around every call of a client: a connection is waited for, time is limited, errors become ours. */
import { type CallOptions, type Channel, ClientError, type ClientMiddlewareCall, Metadata } from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';
import { connected, type Explain, isConnected } from './connected.ts';
import { fromClientError, unforeseen } from './errors.ts';

/** Further options of a call. */
export interface CallLimits {
  /** Deadline of this call in milliseconds, sent to the server too; Infinity = none. */
  readonly timeoutMs?: number;
}

/** Longest time that a call waits for a connection: enough for a server that is just starting. */
const defaultConnectMs = 2_000;

/** Longest delay of a timer, 24 days: one that is asked for more fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** What holds for the calls of a client. */
export interface CallDefaults {
  /** For unary calls that name none. */
  readonly timeoutMs: number;
  readonly token: string | undefined;
  /** For a connection; 2 s when not given. */
  readonly connectMs?: number;
  readonly explain?: Explain;
}

/** The middleware. */
export function limitCalls(channel: Channel, defaults: CallDefaults) {
  const { connectMs = defaultConnectMs, explain } = defaults;
  return async function* limit<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions & Partial<CallLimits>,
  ): AsyncGenerator<Response, Response | void, undefined> {
    const { signal, timeoutMs = call.responseStream || call.requestStream ? Infinity : defaults.timeoutMs } = options;
    const limits = new Limits(timeoutMs, signal);
    let trailer = Metadata();
    const onTrailer = (received: Metadata) => {
      trailer = received;
      options.onTrailer?.(received);
    };
    try {
      if (!isConnected(channel)) {
        await Promise.race([connected(channel, Math.min(connectMs, timeoutMs), explain), limits.over()]);
      }
      const metadata = requestMetadata(options.metadata, timeoutMs, defaults.token);
      return yield* call.next(call.request, { ...options, metadata, signal: limits.signal, onTrailer });
    } catch (error) {
      throw limits.reasonFor(error) ?? (error instanceof ClientError ? fromClientError(error, trailer) : ours(error));
    } finally {
      limits.end();
    }
  };
}

/** The signal of one call: aborted by the caller's own signal, or when its time is over. */
export class Limits {
  readonly #controller = new AbortController();
  readonly #callers: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = () => {
    this.#controller.abort();
  };
  #isOver = false;

  constructor(timeoutMs: number, callers: AbortSignal | undefined) {
    this.#callers = callers;
    if (callers?.aborted) this.#controller.abort();
    callers?.addEventListener('abort', this.#onAbort, { once: true });
    if (timeoutMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#isOver = true;
        this.#controller.abort();
      },
      Math.min(timeoutMs, longestTimerMs),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The error of a call that one of the limits ended, undefined when it ended for another reason. */
  reasonFor(cause: unknown): Error | undefined {
    if (!this.signal.aborted) return undefined;
    const reason: unknown = this.#callers?.reason;
    const isTimeout = this.#isOver || (reason instanceof Error && reason.name === 'TimeoutError');
    return isTimeout
      ? new AppError('timeout', 'deadline_exceeded', 'the called server did not answer in time', { cause })
      : new DOMException('the call was cancelled', 'AbortError');
  }

  /** Rejects as soon as a limit is met; never resolves. */
  over(): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () => {
      reject(new DOMException('the call was cancelled', 'AbortError'));
    };
    if (this.signal.aborted) onAbort();
    else this.signal.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#callers?.removeEventListener('abort', this.#onAbort);
  }
}

function requestMetadata(given: CallOptions['metadata'], timeoutMs: number, token: string | undefined): Metadata {
  const metadata = Metadata(given);
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  if (timeoutMs !== Infinity) metadata.set('grpc-timeout', timeoutHeader(timeoutMs));
  return metadata;
}

/** The gRPC protocol allows 8 digits: milliseconds for the first 27 hours, then seconds. */
function timeoutHeader(timeoutMs: number): string {
  const milliseconds = Math.max(1, Math.ceil(timeoutMs));
  return milliseconds < 1e8 ? `${String(milliseconds)}m` : `${String(Math.ceil(milliseconds / 1000))}S`;
}

function ours(error: unknown): AppError {
  return error instanceof AppError ? error : unforeseen(error);
}
