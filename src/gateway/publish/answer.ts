/** What a publish is answered with: statuses, codes and texts that phones and health authorities know. */
import { AppError } from '../../domain/errors.ts';
import { httpStatus } from '../http-status.ts';
import type { DecodeFailure } from './decode.ts';

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

/** Codes that may reach a phone: reference 1.9 and the interface. Any other comes from between the roles. */
const phoneCodes: ReadonlySet<string> = new Set([
  'bad_request',
  'unknown_health_authority_id',
  'unable_to_load_health_authority',
  'health_authority_missing_region_config',
  'health_authority_verification_certificate_invalid',
  'invalid_revision_token',
  'missing_revision_token',
  'key_already_revised',
  'invalid_report_type_transition',
  'attestation_invalid',
  'on_hold',
  'rate_limited',
]);

/** Every refusal that is the same each time. */
export const fixedAnswers = {
  methodNotAllowed: { status: 405, code: 'method_not_allowed', error: 'only POST is answered here' },
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
  const isPassing = kind === 'unavailable' || kind === 'timeout' || kind === 'exhausted';
  return isPassing ? fixedAnswers.unavailable : fixedAnswers.internal;
}
