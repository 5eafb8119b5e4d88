/** The one mapping of a blob store's own errors to ours. */
import { AppError } from '../../domain/errors.ts';
import { isDenied, type StoreAnswer } from './store-answer.ts';

/** `unavailable`/`blob_store_unavailable`; an AppError stays as it is. No path or host reaches the message. */
export function blobStoreError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError('unavailable', 'blob_store_unavailable', 'the blob store does not work; try again later', {
    cause,
  });
}

/** What a provider's answer means for us. The cause for the log is made of the answer alone. */
export function providerError(provider: string, answer: StoreAnswer): AppError {
  const { status, word } = answer;
  const told = word === '' ? '' : `: ${word}`;
  const cause = new Error(
    status === undefined ? `no answer from ${provider}${told}` : `${provider} answered ${String(status)}${told}`,
  );
  if (!isDenied(answer)) return blobStoreError(cause);
  return new AppError(
    'unavailable',
    'blob_store_denied',
    'the blob store refuses this process: give it credentials that may read, write, list and delete in the bucket',
    { cause },
  );
}

/** `unavailable`/`blob_bucket_missing`. */
export function bucketMissing(provider: string): AppError {
  return new AppError(
    'unavailable',
    'blob_bucket_missing',
    `${provider} has no such bucket: create it, or set ENMESH_CREATE_BUCKETS=true, or correct \`bucket\` of the export`,
  );
}
