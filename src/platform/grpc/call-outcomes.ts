/** What becomes of each call on the server: its status for the caller, one log line if it failed, its count and time. */
import { type CallContext, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { toServerError, unforeseen } from './errors.ts';

/** Upper bounds in seconds: publishes take milliseconds, exports minutes. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts and times every call by method and final status. Attach it before everything else. */
export function measureCalls(metrics: Metrics) {
  const labelNames = ['method', 'code'];
  const requests = metrics.counter({
    name: 'enmesh_grpc_requests_total',
    help: 'gRPC calls answered, by method and status.',
    labelNames,
  });
  const seconds = metrics.histogram({
    name: 'enmesh_grpc_request_seconds',
    help: 'Time to answer gRPC calls, by method and status.',
    labelNames,
    buckets,
  });
  return async function* measure<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | void, undefined> {
    const start = performance.now();
    let status: Status = Status.CANCELLED;
    try {
      const response = yield* call.next(call.request, context);
      status = Status.OK;
      return response;
    } catch (error) {
      status = error instanceof ServerError ? error.code : Status.CANCELLED;
      throw error;
    } finally {
      const labels = { method: call.method.path, code: Status[status] };
      requests.inc(labels);
      seconds.observe(labels, (performance.now() - start) / 1000);
    }
  };
}

/** Turns what a call throws into its status and writes the one line about it. Attach it after {@link measureCalls}. */
export function reportFailures(logger: Logger) {
  return async function* report<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | void, undefined> {
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      const method = call.method.path;
      if (context.signal.aborted && isCancellation(error)) {
        logger.debug({ method }, 'the caller went away');
        throw new DOMException('the caller went away', 'AbortError');
      }
      if (error instanceof ServerError) {
        logger.info({ method, status: Status[error.code] }, 'call refused');
        throw error;
      }
      const known = error instanceof AppError ? error : unforeseen(error);
      // The words of a refusal may repeat the request's: a key that was sent in the place of a name is still a key.
      if (known.isCallersFault) logger.info({ method, kind: known.kind, code: known.code }, 'call refused');
      else logger[levelOf(known)]({ method, err: known }, 'call failed');
      throw toServerError(known, context.trailer);
    }
  };
}

/** Errors that a call ends with because its caller cancelled it or its deadline passed. */
function isCancellation(error: unknown): boolean {
  if (error instanceof AppError) return error.kind === 'timeout' || error.kind === 'unavailable';
  return error instanceof Error && error.name === 'AbortError';
}

function levelOf(error: AppError): 'warn' | 'error' {
  return error.kind === 'internal' ? 'error' : 'warn';
}
