/** What a publish is answered with: statuses, codes and texts that phones and health authorities know. */
import { AppError, type ErrorKind } from '../../domain/errors.ts';
import { httpStatus } from '../../domain/http-status.ts';
import { codesPassedTo } from '../codes.ts';
import type { DecodeFailure } from '../../domain/publish-body/decode.ts';

/** An answer before padding; what is empty or 0 is left out (reference 1.7). */
export interface PublishAnswer {
  readonly status: number;
  readonly revisionToken?: string;
  readonly insertedExposures?: number;
  readonly error?: string;
  readonly code?: string;
  readonly warnings?: readonly string[];
}

/** What was stored. */
export interface StoredKeys {
  readonly revisionToken: string;
  readonly insertedExposures: number;
  readonly warnings: readonly string[];
  /** Why some keys were refused; empty when none was. */
  readonly partialFailure: string;
}

const phoneCodes = codesPassedTo('publish');

/** Every refusal that is the same each time. */
export const fixedAnswers = {
  methodNotAllowed: { status: 405, code: 'method_not_allowed', error: 'only POST is answered here' },
  rateLimited: { status: 429, code: 'rate_limited', error: 'too many requests, please try again later' },
  maintenance: { status: 503, code: 'maintenance', error: 'please try again later' },
  unavailable: {
    status: 503,
    code: 'unavailable',
    error: 'the service is not available at the moment, please try again later',
  },
  internal: { status: 500, code: 'internal_error', error: 'Internal Server Error' },
} as const satisfies Record<string, PublishAnswer>;

/** Rows 14 and 15 of reference 1.9. */
export function storedAnswer({ partialFailure, ...stored }: StoredKeys): PublishAnswer {
  if (partialFailure === '') return { status: 200, ...stored };
  return { status: 200, ...stored, code: 'partial_failure', error: partialFailure };
}

/** Row 1 of reference 1.9. */
export function undecodableAnswer({ status, text }: DecodeFailure): PublishAnswer {
  return { status, code: 'bad_request', error: `error unmarshalling API call, code: ${String(status)}: ${text}` };
}

/**
 * What a phone is told of an error. Refusals pass as they are; a failure of ours is 500 or 503 (so that it is
 * tried again) with a text that tells nothing, and so is a refusal that the gateway and not the phone earned.
 */
export function failureAnswer(error: unknown): PublishAnswer {
  if (!(error instanceof AppError)) return fixedAnswers.internal;
  const { kind, code, message, details } = error;
  if (phoneCodes.has(code) && kind !== 'unavailable' && kind !== 'timeout') {
    return { status: httpStatus[kind], code, error: message, warnings: details };
  }
  return isPassing(kind) ? fixedAnswers.unavailable : fixedAnswers.internal;
}

/** True for failures of ours that pass by themselves: whoever asks again later may get what he wants. */
export function isPassing(kind: ErrorKind): boolean {
  return kind === 'unavailable' || kind === 'timeout' || kind === 'exhausted';
}
