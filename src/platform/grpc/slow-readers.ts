/** Cuts off callers that do not take what is sent to them, so that nothing is kept for them for ever. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { Logger } from '../logger.ts';

/** grpc-js keeps it to itself, and its own way to end a call waits until everything is taken. */
interface OverHttp2 {
  readonly stream?: ServerHttp2Stream;
}

/**
 * Resets the stream of a call when one message is not taken within the time. A status of ours would wait behind the data
 * that is not taken; its caller sees RESOURCE_EXHAUSTED, as gRPC reads this reset (gRPC over HTTP/2, Errors). The first interceptor of its server, because it needs the call itself.
 */
export function cutOffSlowReaders(limitMs: number, logger: Logger): ServerInterceptor {
  return ({ path }, call) => {
    const { stream } = call as OverHttp2;
    return new TimedCall(call, limitMs, () => {
      if (stream === undefined || stream.closed) return;
      logger.info({ method: path, code: 'slow_reader' }, 'a caller that takes nothing was cut off');
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  };
}

class TimedCall extends ServerInterceptingCall {
  readonly #limitMs: number;
  readonly #onLate: () => void;

  constructor(call: ConstructorParameters<typeof ServerInterceptingCall>[0], limitMs: number, onLate: () => void) {
    super(call);
    this.#limitMs = limitMs;
    this.#onLate = onLate;
  }

  /** @param callback called when HTTP/2 has room for more: when the reader has taken what was sent before */
  override sendMessage(message: unknown, callback: () => void): void {
    const timer = setTimeout(this.#onLate, this.#limitMs).unref();
    super.sendMessage(message, () => {
      clearTimeout(timer);
      callback();
    });
  }
}
