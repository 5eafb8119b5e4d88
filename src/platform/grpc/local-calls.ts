/** Calls between roles of one process: the same messages through the same interceptors, without a socket. */
import {
  type CallContext,
  type CallOptions,
  type Client,
  ClientError,
  Metadata,
  ServerError,
  type ServerMiddleware,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';
import { defaultTimeoutMs } from './client.ts';
import { type CallLimits, Limits } from './client-calls.ts';
import { fromClientError, unforeseen } from './errors.ts';

type Method = TsProtoServiceDefinition['methods'][string];

/** What a method does, seen from here: messages of whatever type. */
type Implementation = (request: unknown, context: CallContext) => Promise<unknown>;

/** The method itself, or one interceptor around it. */
type Step = (request: unknown, context: CallContext) => AsyncGenerator<never, unknown, undefined>;

/**
 * A client of the unary methods of a service in this process. Its calls reject as those of a client over the network do.
 * @param middleware what the server does around every call, the outermost first
 */
export function createLocalClient<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
  implementation: object,
  middleware: readonly ServerMiddleware[],
): Client<Definition, CallLimits> {
  const calls = Object.entries(definition.methods)
    .filter(([, method]) => !method.requestStream && !method.responseStream)
    .map(([name, method]) => {
      const path = `/${definition.fullName}/${method.name}`;
      const run: Implementation = (request, context) =>
        (implementation as Record<string, Implementation>)[name]!(request, context);
      return [name, createLocalCall({ ...method, path }, run, middleware)];
    });
  return Object.fromEntries(calls) as Client<Definition, CallLimits>;
}

function createLocalCall(
  { path, requestType, responseType, options: methodOptions }: Method & { readonly path: string },
  run: Implementation,
  middleware: readonly ServerMiddleware[],
) {
  const method = { path, requestStream: false, responseStream: false, options: methodOptions };
  const answer = middleware.reduceRight<Step>(
    (next, step) => (request, context) =>
      step({ method, requestStream: false, request, responseStream: false, next }, context) as ReturnType<Step>,
    async function* (request, context) {
      return await run(request, context);
    },
  );
  return async (request: unknown, options: CallOptions & CallLimits = {}): Promise<unknown> => {
    const limits = new Limits(options.timeoutMs ?? defaultTimeoutMs, options.signal);
    const context = createContext(options, limits.signal);
    try {
      if (limits.signal.aborted) await limits.over();
      const answered = answer(messageOf(requestType, request), context).next();
      const { value } = await Promise.race([answered, limits.over()]);
      return messageOf(responseType, value);
    } catch (error) {
      throw limits.reasonFor(error) ?? asSeenByCallers(error, path, context.trailer);
    } finally {
      limits.end();
    }
  };
}

function createContext({ metadata }: CallOptions, signal: AbortSignal): CallContext {
  return {
    metadata: Metadata(metadata),
    peer: 'local',
    header: Metadata(),
    trailer: Metadata(),
    signal,
    sendHeader: () => undefined,
  };
}

/** With its defaults, as if it had been sent: nobody shares it with the other side. */
function messageOf(type: Method['requestType'], partial: unknown): unknown {
  return type.fromPartial?.(partial);
}

function asSeenByCallers(error: unknown, path: string, trailer: Metadata): AppError {
  if (error instanceof ServerError) return fromClientError(new ClientError(path, error.code, error.details), trailer);
  return error instanceof AppError ? error : unforeseen(error);
}
