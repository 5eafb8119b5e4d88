/** Fetches a JWKS from a health authority, with the limits and the words that are a JWKS's. */
import { AppError } from '../../domain/errors.ts';
import { downloadBytes } from '../../platform/download.ts';
import type { DownloadPlaces } from '../../platform/download-place.ts';

/** How documents may be fetched. */
export interface FetchSettings extends DownloadPlaces {
  /** For all of it, from the name look-up to the last byte. */
  readonly timeoutMs: number;
}

/** Some hundred keys with certificates; deployed documents have less than 1 KiB. */
const mostBytes = 256 * 1024;

const words = {
  content: 'the JWKS',
  setting: 'jwksUri',
  timeout: 'ENMESH_JWKS_TIMEOUT',
  roots: 'ENMESH_JWKS_CA',
  privateAddresses: 'ENMESH_JWKS_ALLOW_PRIVATE_ADDRESSES',
} as const;

/**
 * The document's text.
 * @throws AppError unavailable `jwks_unreachable` for whatever may pass with time; precondition `jwks_refused` for a place
 *   that is not asked; invalid `jwks_unusable` for what is no UTF-8
 */
export async function fetchDocument(uri: string, settings: FetchSettings, signal: AbortSignal): Promise<string> {
  const accept = 'application/jwk-set+json, application/json';
  const options = { places: settings, timeoutMs: settings.timeoutMs, maxBytes: mostBytes, words, accept, signal };
  try {
    return decode(await downloadBytes(uri, options));
  } catch (error) {
    throw asJwksFault(error);
  }
}

function asJwksFault(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  const message = `${error.message}; nothing was changed`;
  const { cause } = error;
  if (error.code === 'download_refused') return new AppError('precondition', 'jwks_refused', message, { cause });
  const isUnread = error.code === 'download_failed' || error.code === 'download_too_large';
  return isUnread ? new AppError('unavailable', 'jwks_unreachable', message, { cause }) : error;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AppError('invalid', 'jwks_unusable', 'the JWKS is not UTF-8; nothing was changed');
  }
}
