/** Requests that cannot be read are their sender's fault: left to grpc-js they would be answered INTERNAL. */
import type { CallContext, ServerMiddlewareCall, TsProtoServiceDefinition } from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';

/** Stands in the place of a request that could not be read, until {@link refuseUnreadable} meets it. */
const unreadable: unknown = Object.freeze({});

/** The same service, whose requests never fail to be read. */
export function withUnreadable<Definition extends TsProtoServiceDefinition>(definition: Definition): Definition {
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const { requestType } = method;
    return [name, { ...method, requestType: { ...requestType, decode: readOrMark(requestType.decode) } }];
  });
  return { ...definition, methods: Object.fromEntries(methods) as Definition['methods'] };
}

/** Ends calls with a request that cannot be read: invalid `bad_request`. */
export async function* refuseUnreadable<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  context: CallContext,
): AsyncGenerator<Response, Response | void, undefined> {
  if (!call.requestStream) return yield* call.next(readable(call.request), context);
  return yield* call.next(eachReadable(call.request), context);
}

function readOrMark(decode: (bytes: Uint8Array) => unknown): (bytes: Uint8Array) => unknown {
  return (bytes) => {
    try {
      return decode(bytes);
    } catch {
      return unreadable;
    }
  };
}

async function* eachReadable<Request>(requests: AsyncIterable<Request>): AsyncGenerator<Request> {
  for await (const request of requests) yield readable(request);
}

function readable<Request>(request: Request): Request {
  if (request === unreadable) {
    throw new AppError('invalid', 'bad_request', 'the message cannot be read: it is not what the contract says');
  }
  return request;
}
