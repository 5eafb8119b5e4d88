/** Which names blobs may have, in every store. */
import { AppError } from '../../domain/errors.ts';
import type { BlobName } from './blob-store.ts';

/** First part of names that a store keeps for itself: unfinished writes. */
export const uploadsFolder = '.uploads';

const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;
const partPattern = /^[A-Za-z0-9._~!$&'()+,;=@ -]{1,255}$/;

/** Throws AppError `invalid`/`blob_name_invalid` unless the bucket is safe as a folder's name. */
export function checkBucket(bucket: string): void {
  if (!bucketPattern.test(bucket)) throw invalid('a bucket name has letters, digits, ".", "_" and "-" only');
}

/** The parts of a blob's name, none of which leads out of the bucket. Throws AppError `invalid`/`blob_name_invalid`. */
export function blobParts(blob: BlobName): readonly string[] {
  checkBucket(blob.bucket);
  const parts = blob.name.split('/');
  const isSafe = parts.every((part) => partPattern.test(part) && part !== '.' && part !== '..');
  if (!isSafe || parts[0] === uploadsFolder) throw invalid('a blob name is not one that a store can keep');
  return parts;
}

function invalid(message: string): AppError {
  return new AppError('invalid', 'blob_name_invalid', message);
}
