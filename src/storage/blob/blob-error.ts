/** The one mapping of a blob store's own errors to ours. */
import { AppError } from '../../domain/errors.ts';

/** `unavailable`/`blob_store_unavailable`; an AppError stays as it is. No path or host reaches the message. */
export function blobStoreError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError('unavailable', 'blob_store_unavailable', 'the blob store does not work; try again later', {
    cause,
  });
}
