/** grpc.health.v1: NOT_SERVING until everything is ready, and again as soon as the server is to stop. */
import { setImmediate } from 'node:timers/promises';
import { type CallContext, type Server, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import type { Logger } from '../logger.ts';
import { within } from '../time-limit.ts';

/** Time between two looks at `isReady`, and the longest time that one may take. */
const pollMs = 1_000;
const lookMs = 2_000;

/** What health needs to know. */
export interface HealthOptions {
  /** Full names; each has a status of its own, equal to that of the whole server. */
  readonly serviceNames: readonly string[];
  readonly isReady: () => Promise<boolean>;
  readonly logger: Logger;
}

/** The health service of one gRPC server. */
export class Health {
  readonly #state = HealthState();
  readonly #options: HealthOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isServing = false;
  #isDraining = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#set(false);
  }

  /** Adds the service. */
  addTo(server: Server): void {
    server.with(endOnAbort(this.#stopping.signal)).add(HealthDefinition, HealthServiceImpl(this.#state));
  }

  /** Looks at once, then about every second. Resolves after the first look. */
  async start(): Promise<void> {
    let isServing = false;
    try {
      isServing = await within(lookMs, this.#options.isReady());
    } catch (err) {
      this.#options.logger.debug({ err }, 'readiness cannot be told');
    }
    if (this.#isDraining) return;
    if (isServing !== this.#isServing) {
      this.#options.logger.info({ isServing }, 'health changed');
      this.#set(isServing);
    }
    this.#timer = setTimeout(() => void this.start(), pollMs).unref();
  }

  /** NOT_SERVING for good; tells those who watch. */
  drain(): void {
    this.#isDraining = true;
    clearTimeout(this.#timer);
    this.#set(false);
  }

  /** NOT_SERVING for good; tells those who watch, then ends their streams. */
  async stop(): Promise<void> {
    this.drain();
    await setImmediate();
    this.#stopping.abort();
  }

  #set(isServing: boolean): void {
    this.#isServing = isServing;
    for (const name of ['', ...this.#options.serviceNames]) {
      this.#state.setStatus(isServing ? 'healthy' : 'unhealthy', name);
    }
  }
}

/** Ends calls that would otherwise last for ever. */
function endOnAbort(stopping: AbortSignal) {
  return async function* end<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | void, undefined> {
    try {
      return yield* call.next(call.request, { ...context, signal: AbortSignal.any([context.signal, stopping]) });
    } catch (error) {
      if (stopping.aborted && !context.signal.aborted) throw new ServerError(Status.UNAVAILABLE, 'the server stops');
      throw error;
    }
  };
}
