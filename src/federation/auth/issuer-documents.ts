/** What an issuer publishes about itself: its discovery document leads to the keys that verify its tokens (OpenID Connect Discovery 1.0). */
import type { JWK } from 'jose';
import { AppError } from '../../domain/errors.ts';
import { wellKnownUrl } from '../../domain/federation/well-known.ts';
import { downloadBytes, type DownloadOptions } from '../../platform/download.ts';
import type { DownloadPlaces } from '../../platform/download-place.ts';

/** How issuers are read. */
export interface IssuerDownloads {
  readonly places: DownloadPlaces;
  /** For each of the two documents, from the name look-up to the last byte. */
  readonly timeoutMs: number;
}

/** Google's has 1.5 KiB. */
const mostConfigurationBytes = 64 * 1024;
/** Some hundred keys with certificates. */
const mostKeysBytes = 256 * 1024;
const mostKeys = 100;

const variables = {
  timeout: 'ENMESH_FEDERATION_ISSUER_TIMEOUT',
  roots: 'ENMESH_FEDERATION_CA',
  privateAddresses: 'ENMESH_FEDERATION_ALLOW_PRIVATE_ADDRESSES',
} as const;

/**
 * The public keys of an issuer; never none.
 * @throws AppError unavailable `issuer_unreachable`, naming what failed; the signal's reason when it aborts
 */
export async function readIssuerKeys(
  issuer: string,
  downloads: IssuerDownloads,
  signal: AbortSignal,
): Promise<readonly JWK[]> {
  try {
    return await readKeys(await readKeysUri(issuer, downloads, signal), downloads, signal);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('unavailable', 'issuer_unreachable', error.message, { cause: error });
  }
}

async function readKeysUri(issuer: string, downloads: IssuerDownloads, signal: AbortSignal): Promise<string> {
  const words = { ...variables, content: "the issuer's discovery document", setting: 'identity.issuer' };
  const document = await readObject(wellKnownUrl(issuer, 'configuration'), {
    ...options(downloads, signal),
    maxBytes: mostConfigurationBytes,
    words,
  });
  // Section 4.3: another name would let one issuer speak for another.
  if (document['issuer'] !== issuer) throw unusable('discovery document names another issuer');
  const { jwks_uri: keysUri } = document;
  if (typeof keysUri !== 'string' || keysUri.length > 2000 || !URL.canParse(keysUri)) {
    throw unusable('discovery document has no jwks_uri');
  }
  return keysUri;
}

async function readKeys(uri: string, downloads: IssuerDownloads, signal: AbortSignal): Promise<readonly JWK[]> {
  const words = { ...variables, content: "the issuer's JWKS", setting: "jwks_uri of the issuer's discovery document" };
  const { keys } = await readObject(uri, { ...options(downloads, signal), maxBytes: mostKeysBytes, words });
  if (!Array.isArray(keys)) throw unusable('JWKS has no list of keys');
  if (keys.length > mostKeys) throw unusable(`JWKS has more than ${String(mostKeys)} keys`);
  const usable = keys.filter(isPublicKey);
  if (usable.length === 0) throw unusable('JWKS has no key that can be used');
  return usable;
}

/** Keys that whoever reads them could sign with verify nothing. */
function isPublicKey(key: unknown): key is JWK {
  if (typeof key !== 'object' || key === null || 'd' in key || 'k' in key) return false;
  const { kty } = key as JWK;
  return kty === 'EC' || kty === 'RSA' || kty === 'OKP';
}

async function readObject(url: string, download: DownloadOptions): Promise<Partial<Record<string, unknown>>> {
  const text = (await downloadBytes(url, download)).toString();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The parser's words may quote the document.
  }
  throw new AppError('unavailable', 'issuer_unreachable', `${download.words.content} is no JSON object`);
}

function options({ places, timeoutMs }: IssuerDownloads, signal: AbortSignal) {
  return { places, timeoutMs, signal, accept: 'application/json' };
}

function unusable(fault: string): AppError {
  return new AppError('unavailable', 'issuer_unreachable', `the issuer's ${fault}`);
}
