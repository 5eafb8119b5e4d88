/** What a provider's error says, without the texts, headers and addresses that hang on it. */

/** The part of an error that may be told and logged. */
export interface StoreAnswer {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** The provider's or the system's word for it, such as `AccessDenied` or `ECONNRESET`; empty when there is none. */
  readonly word: string;
}

/** Errors of the clients' own searches for credentials. */
const credentialErrors = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'CredentialUnavailableError',
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'NoDefaultCredentials',
]);
const conditionWords = new Set(['BlobAlreadyExists', 'PreconditionFailed', 'ConditionNotMet', 'conditionNotMet']);
const transientStatuses = new Set([408, 409, 425, 429, 500, 502, 503, 504]);
/** Told with status 400, although nothing is wrong with the request. */
const transientWords = new Set(['RequestTimeout', 'IncompleteBody']);
const wordPattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** Words that say nothing. */
const emptyWords = new Set(['Error', 'TypeError', 'RestError', 'GaxiosError', 'FetchError', 'UnknownError', 'Unknown']);

/** Takes status and word out of an error of any client; everything else stays behind. */
export function storeAnswer(error: unknown): StoreAnswer {
  const statuses = [
    ['$metadata', 'httpStatusCode'],
    ['statusCode'],
    ['status'],
    ['response', 'status'],
    ['response', 'statusCode'],
    ['code'],
  ];
  const words = [['details', 'errorCode'], ['errors', '0', 'reason'], ['code'], ['cause', 'code'], ['name']];
  return {
    status: statuses.map((path) => Number(valueAt(error, path))).find((value) => value >= 300 && value <= 599),
    word: words.map((path) => valueAt(error, path)).find(isTellingWord) ?? credentialWord(error),
  };
}

/** Nothing has that name. */
export function isAbsent({ status }: StoreAnswer): boolean {
  return status === 404;
}

/** What the write depended on is not so. */
export function isConditionFailed({ status, word }: StoreAnswer): boolean {
  return status === 412 || conditionWords.has(word);
}

/** A range that begins behind the blob's end. */
export function isBehindEnd({ status }: StoreAnswer): boolean {
  return status === 416;
}

/** The store knows who we are not, or there is nothing to say who we are. */
export function isDenied({ status, word }: StoreAnswer): boolean {
  return status === 401 || status === 403 || credentialErrors.has(word);
}

/** May be otherwise a moment later: no answer, overload, something in progress. */
export function isTransient(answer: StoreAnswer): boolean {
  if (isDenied(answer)) return false;
  return answer.status === undefined || transientStatuses.has(answer.status) || transientWords.has(answer.word);
}

function valueAt(error: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined,
    error,
  );
}

function isTellingWord(value: unknown): value is string {
  return typeof value === 'string' && wordPattern.test(value) && !emptyWords.has(value);
}

/** google-auth-library has no name for it. */
function credentialWord(error: unknown): string {
  return error instanceof Error && error.message.startsWith('Could not load the default credentials')
    ? 'NoDefaultCredentials'
    : '';
}
