/** What AWS KMS refuses or fails with, in our words; what its errors carry besides (tokens, canonical requests) is left behind. */
import { AppError } from '../../domain/errors.ts';
import {
  invalidKeyName,
  keyNotFound,
  keyUnusable,
  managerDenied,
  managerUnavailable,
  undecryptable,
  wrongPurpose,
} from './faults.ts';

/** What was asked. */
export interface AwsRequest {
  /** What the operator calls the key. */
  readonly name: string;
  /** What IAM must allow, such as `kms:Sign`. */
  readonly permission: string;
}

const credentialFaults = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'ExpiredToken',
  'ExpiredTokenException',
  'OptInRequired',
]);

/** The error of a call; everything that is not an answer of the service's own is worth another try. */
export function awsFault(error: unknown, { name, permission }: AwsRequest): AppError {
  const cause = summary(error);
  const code = errorName(error);
  if (credentialFaults.has(code)) {
    return managerDenied('AWS does not accept our credentials; see AWS_PROFILE, AWS_ROLE_ARN and the like', cause);
  }
  switch (code) {
    case 'AccessDeniedException':
    case 'AccessDenied':
      return managerDenied(`allow ${permission} on the key ${name} in IAM and in the key's policy`, cause);
    case 'NotFoundException':
      return keyNotFound(`there is no key ${name} in this account and region`, cause);
    case 'DisabledException':
    case 'KMSInvalidStateException':
      return keyUnusable(`the key ${name} is disabled, or is going to be deleted: enable it, or take another`, cause);
    case 'InvalidKeyUsageException':
    case 'UnsupportedOperationException':
      return wrongPurpose(name, /crypt$/.test(permission) ? 'signing' : 'encryption');
    case 'InvalidCiphertextException':
    case 'IncorrectKeyException':
      return undecryptable(cause);
    case 'InvalidArnException':
    case 'InvalidAliasNameException':
      return invalidKeyName('a key id, a key ARN, or an alias with or without `alias/`');
    case 'AlreadyExistsException':
      return new AppError('conflict', 'key_exists', `there is a key ${name} already`, { cause });
    case 'LimitExceededException':
      return keyUnusable('the account has as many keys or aliases as its quota allows', cause);
    default:
      return managerUnavailable(cause);
  }
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/**
 * For the log: which error, status and request. Messages may hold the canonical request with a session token; that of a
 * denial holds but who may not do what.
 */
function summary(error: unknown): Error {
  const { status, requestId } = metadataOf(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const message = error instanceof Error && error.name === 'AccessDeniedException' ? error.message : undefined;
  const parts = [code, status && `HTTP ${String(status)}`, requestId && `request ${requestId}`, message];
  return new Error(`AWS KMS: ${[errorName(error) || 'Error', ...parts.filter(Boolean)].join(', ')}`);
}

function metadataOf(error: unknown): { readonly status?: number; readonly requestId?: string } {
  if (!(error instanceof Error) || !('$metadata' in error)) return {};
  const { httpStatusCode: status, requestId } = error.$metadata as { httpStatusCode?: number; requestId?: string };
  return { ...(status === undefined ? {} : { status }), ...(requestId === undefined ? {} : { requestId }) };
}
