/** What Google Cloud KMS refuses or fails with, in our words; its errors' texts may hold tokens and are left behind. */
import { AppError } from '../../domain/errors.ts';
import { keyNotFound, keyUnusable, managerDenied, managerUnavailable, undecryptable } from './faults.ts';

/** What was asked. */
export interface GcpRequest {
  /** What the operator calls the key. */
  readonly name: string;
  /** What IAM must allow, such as `cloudkms.cryptoKeyVersions.useToSign`. */
  readonly permission: string;
}

/** Codes of gRPC that are answers; all others are worth another try. */
const answers = {
  3: 'INVALID_ARGUMENT',
  5: 'NOT_FOUND',
  6: 'ALREADY_EXISTS',
  7: 'PERMISSION_DENIED',
  9: 'FAILED_PRECONDITION',
  16: 'UNAUTHENTICATED',
} as const;

/** The error of a call; what is neither an answer nor a refusal is worth another try. */
export function gcpFault(error: unknown, { name, permission }: GcpRequest): AppError {
  if (error instanceof AppError) return error;
  const cause = summary(error);
  switch (answerOf(error)) {
    case 'NOT_FOUND':
      return keyNotFound(`there is no key ${name}, or no such version of it`, cause);
    case 'PERMISSION_DENIED':
      return managerDenied(`allow ${permission} on the key ${name} or its key ring in IAM`, cause);
    case 'UNAUTHENTICATED':
      return managerDenied('Google Cloud does not accept our credentials; see GOOGLE_APPLICATION_CREDENTIALS', cause);
    case 'ALREADY_EXISTS':
      return new AppError('conflict', 'key_exists', `there is a key ${name} already`, { cause });
    case 'INVALID_ARGUMENT':
      if (permission === 'cloudkms.cryptoKeyVersions.useToDecrypt') return undecryptable(cause);
      return keyUnusable(`the key ${name} cannot do that: see its purpose and algorithm`, cause);
    case 'FAILED_PRECONDITION':
      return keyUnusable(`the key ${name}, or this version of it, is not enabled`, cause);
    case undefined:
      if (isWithoutCredentials(error)) {
        return managerDenied('there are no credentials of Google Cloud; see GOOGLE_APPLICATION_CREDENTIALS', cause);
      }
      return managerUnavailable(cause);
  }
}

function answerOf(error: unknown): (typeof answers)[keyof typeof answers] | undefined {
  return answers[codeOf(error) as keyof typeof answers];
}

/** Of gRPC; undefined for other errors. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** As google-auth-library says it; it has no code for this. */
function isWithoutCredentials(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Could not load the default credentials');
}

/** For the log. A denial's text is the service's own and says what is denied on which key. */
function summary(error: unknown): Error {
  const kind =
    answerOf(error) ?? `${error instanceof Error ? error.name : 'Error'} ${String(codeOf(error) ?? '')}`.trim();
  const details = kind === 'PERMISSION_DENIED' && error instanceof Error ? `, ${error.message}` : '';
  return new Error(`Google Cloud KMS: ${kind}${details}`);
}
