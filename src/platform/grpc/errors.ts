/** The one table between our errors and gRPC statuses, both ways: an AppError arrives as the AppError that was thrown. */
import { type ClientError, type Metadata, ServerError, Status } from 'nice-grpc';
import { AppError, type ErrorKind } from '../../domain/errors.ts';

/**
 * Kind → status, one to one, so that the status alone gives the kind back.
 * `conflict` is ALREADY_EXISTS and not ABORTED: repeating the same call does not help.
 */
const statusOfKind: Readonly<Record<ErrorKind, Status>> = {
  invalid: Status.INVALID_ARGUMENT,
  unauthenticated: Status.UNAUTHENTICATED,
  forbidden: Status.PERMISSION_DENIED,
  not_found: Status.NOT_FOUND,
  conflict: Status.ALREADY_EXISTS,
  precondition: Status.FAILED_PRECONDITION,
  exhausted: Status.RESOURCE_EXHAUSTED,
  timeout: Status.DEADLINE_EXCEEDED,
  unavailable: Status.UNAVAILABLE,
  internal: Status.INTERNAL,
};

/** What a status means that does not come from an AppError: of gRPC itself, of a proxy, of another program. */
const foreign: Readonly<Record<Status, readonly [ErrorKind, code: string, message: string]>> = {
  [Status.OK]: ['internal', 'internal_error', 'the called server failed'],
  [Status.CANCELLED]: ['unavailable', 'cancelled', 'the called server ended the call; try again later'],
  [Status.UNKNOWN]: ['internal', 'internal_error', 'the called server failed'],
  [Status.INVALID_ARGUMENT]: ['invalid', 'invalid_argument', 'the called server refused the request'],
  [Status.DEADLINE_EXCEEDED]: ['timeout', 'deadline_exceeded', 'the called server did not answer in time'],
  [Status.NOT_FOUND]: ['not_found', 'not_found', 'the called server does not have it'],
  [Status.ALREADY_EXISTS]: ['conflict', 'conflict', 'it is there already'],
  [Status.PERMISSION_DENIED]: ['forbidden', 'permission_denied', 'the called server does not allow this call'],
  [Status.RESOURCE_EXHAUSTED]: ['exhausted', 'resource_exhausted', 'too large or too much for the called server'],
  [Status.FAILED_PRECONDITION]: ['precondition', 'failed_precondition', 'the called server is not in the state for it'],
  [Status.ABORTED]: ['conflict', 'aborted', 'the called server gave up because of a concurrent call'],
  [Status.OUT_OF_RANGE]: ['invalid', 'out_of_range', 'the called server refused the request'],
  [Status.UNIMPLEMENTED]: [
    'unavailable',
    'unimplemented',
    'the called server does not know this call; it may be of another version or at another address',
  ],
  [Status.INTERNAL]: ['internal', 'internal_error', 'the called server failed'],
  [Status.UNAVAILABLE]: ['unavailable', 'unavailable', 'the called server cannot be reached; try again later'],
  [Status.DATA_LOSS]: ['internal', 'internal_error', 'the called server failed'],
  [Status.UNAUTHENTICATED]: ['unauthenticated', 'unauthenticated', 'the called server does not know who is calling'],
};

const kindOfStatus: ReadonlyMap<number, ErrorKind> = new Map(
  (Object.entries(statusOfKind) as [ErrorKind, Status][]).map(([kind, status]) => [status, kind]),
);

const codeTrailer = 'error-code';
const detailTrailer = 'error-detail-bin';

/** HTTP/2 limits a header block (128 entries, 64 KiB in Node), so the lines sent are limited too. */
const mostDetails = 64;
const mostDetailBytes = 24 * 1024;
const mostMessageLength = 4096;

/** The status that an error is sent as; its code and details go into `trailer`. */
export function toServerError(error: AppError, trailer: Metadata): ServerError {
  trailer.set(codeTrailer, error.code);
  if (error.details.length > 0) trailer.set(detailTrailer, encodeDetails(error.details));
  return new ServerError(statusOfKind[error.kind], error.message.toWellFormed().slice(0, mostMessageLength));
}

/** The status that an error of that kind is sent as. */
export function statusOf(kind: ErrorKind): number {
  return statusOfKind[kind];
}

/** The kind of error that a status stands for. */
export function kindOf(status: number): ErrorKind {
  return kindOfStatus.get(status) ?? 'internal';
}

/** What is sent of an error that nobody foresaw: nothing. */
export function unforeseen(error: unknown): AppError {
  return new AppError('internal', 'internal_error', 'Internal Server Error', { cause: error });
}

/** The AppError that the other side threw, or what a status of gRPC itself means. */
export function fromClientError(error: ClientError, trailer: Metadata): AppError {
  const code = trailer.get(codeTrailer);
  if (code === undefined) {
    const [kind, foreignCode, message] = foreign[error.code];
    return new AppError(kind, foreignCode, message, { cause: error });
  }
  const details = trailer.getAll(detailTrailer).map((line) => new TextDecoder().decode(line));
  return new AppError(kindOf(error.code), code, error.details, { cause: error, details });
}

function encodeDetails(details: readonly string[]): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let bytes = 0;
  for (const [index, detail] of details.entries()) {
    const line = new TextEncoder().encode(detail);
    bytes += line.length;
    if (index === mostDetails || bytes > mostDetailBytes) {
      lines.push(new TextEncoder().encode(`and ${String(details.length - index)} more`));
      break;
    }
    lines.push(line);
  }
  return lines;
}
