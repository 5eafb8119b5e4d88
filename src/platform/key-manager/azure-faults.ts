/** What Azure Key Vault refuses or fails with, in our words; what its errors carry besides (URLs, requests) is left behind. */
import { AppError } from '../../domain/errors.ts';
import { keyNotFound, keyUnusable, managerDenied, managerUnavailable, undecryptable } from './faults.ts';

/** What was asked. */
export interface AzureRequest {
  /** What the operator calls the key; undefined for all of them. */
  readonly name?: string;
  /** The data action or permission that it takes, such as `sign`. */
  readonly permission: string;
  /** What is sent is somebody's ciphertext: when it is refused, it is not of this key. */
  readonly isOpening?: boolean;
}

/** Of `@azure/identity`: nobody vouches for us. */
const credentialErrors = new Set([
  'AuthenticationError',
  'AggregateAuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
]);

/** Inner codes of 403 that speak of the key instead of us. */
const stateFaults: Readonly<Record<string, string>> = {
  KeyDisabled: 'is disabled: enable the version, or rotate',
  KeyExpired: 'has expired: rotate it, or set another end',
  KeyNotYetValid: 'is not valid yet: its `nbf` is to come',
  KeyOperationForbidden: 'may not do that: its permitted operations leave it out',
};

/** The error of a call; everything that is not an answer of the service's own is worth another try. */
export function azureFault(error: unknown, { name, permission, isOpening = false }: AzureRequest): AppError {
  if (error instanceof AppError) return error;
  const { status, code } = answerOf(error);
  const cause = summary(error, status, code);
  const key = name === undefined ? 'the vault' : `the key ${name}`;
  if (credentialErrors.has(nameOf(error)) || status === 401) {
    return managerDenied(
      'Azure does not accept our credentials; see AZURE_CLIENT_ID, AZURE_TENANT_ID and the like',
      cause,
    );
  }
  const state = stateFaults[code];
  if (status === 403 && state !== undefined) return keyUnusable(`${key} ${state}`, cause);
  if (status === 403)
    return managerDenied(
      `allow ${permission} on ${key} by a role or an access policy, and our network in the vault's firewall`,
      cause,
    );
  if (status === 404) return keyNotFound(`there is no ${key.replace(/^the /, '')}, or no such version`, cause);
  if (status === 409) {
    return keyUnusable(`${key} was deleted and can still be recovered: recover or purge it`, cause);
  }
  if (status === 400 && isOpening) return undecryptable(cause);
  if (status === 400) return keyUnusable(`${key} cannot do that`, cause);
  return managerUnavailable(cause);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** The innermost code is the telling one: `Forbidden` says less than `KeyDisabled` within it. */
function answerOf(error: unknown): { readonly status: number | undefined; readonly code: string } {
  if (!(error instanceof Error)) return { status: undefined, code: '' };
  const { statusCode, details } = error as { readonly statusCode?: unknown; readonly details?: ErrorBody };
  const status = typeof statusCode === 'number' ? statusCode : undefined;
  return { status, code: innermostCode(details?.error) };
}

/** As the service answers it. */
interface ErrorBody {
  readonly error?: ServiceError;
}

interface ServiceError {
  readonly code?: unknown;
  readonly innerError?: ServiceError;
}

function innermostCode(error: ServiceError | undefined): string {
  if (error?.innerError?.code !== undefined) return innermostCode(error.innerError);
  return typeof error?.code === 'string' && /^\w{1,60}$/.test(error.code) ? error.code : '';
}

/** For the log. Messages of the client hold the vault's URL. */
function summary(error: unknown, status: number | undefined, code: string): Error {
  const networkCode = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const told = /^[A-Z0-9_]{1,60}$/.test(networkCode) ? networkCode : '';
  const parts = [nameOf(error) || 'Error', status && `HTTP ${String(status)}`, code, told].filter(Boolean);
  return new Error(`Azure Key Vault: ${parts.join(', ')}`);
}
