/** Fetches a JWKS from a health authority: over verified TLS, bounded in size and time, and never out of our own network. */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { AppError } from '../../domain/errors.ts';
import { isLoopback } from '../../platform/config/address.ts';
import { isPublicAddress } from '../../platform/public-address.ts';

/** How documents may be fetched. */
export interface FetchSettings {
  /** For all of it, from the name look-up to the last byte. */
  readonly timeoutMs: number;
  /** PEM; undefined = the system's roots. */
  readonly ca: string | undefined;
  /** https from private, loopback and link-local addresses too. */
  readonly allowPrivateAddresses: boolean;
  /** Test installations: loopback addresses, there plain http too. */
  readonly allowLoopback: boolean;
  /** How names become addresses; the system's way when not given. */
  readonly lookup?: typeof lookup;
}

/** Some hundred keys with certificates; deployed documents have less than 1 KiB. */
const mostBytes = 256 * 1024;

/**
 * The document's text. Redirects are not followed: whoever could redirect us could name any place.
 * @throws AppError unavailable `jwks_unreachable` for whatever may pass with time; precondition `jwks_refused` for a place
 *   that is not asked; invalid `jwks_unusable` for what is no UTF-8
 */
export async function fetchDocument(uri: string, settings: FetchSettings, signal: AbortSignal): Promise<string> {
  const url = new URL(uri);
  const mayAsk = askable(url, settings);
  const timeout = AbortSignal.timeout(settings.timeoutMs);
  const { ca, timeoutMs, lookup: resolve = lookup } = settings;
  const agent = new Agent({
    // The addresses that are checked are those that are connected to: a name cannot change its meaning in between.
    connect: {
      rejectUnauthorized: true,
      timeout: timeoutMs,
      lookup: checkedLookup(resolve, mayAsk),
      ...(ca === undefined ? {} : { ca }),
    },
    allowH2: false,
    maxResponseSize: mostBytes,
  });
  try {
    const { statusCode, body } = await request(url, {
      dispatcher: agent,
      headers: { accept: 'application/jwk-set+json, application/json' },
      signal: AbortSignal.any([signal, timeout]),
    });
    if (statusCode !== 200) throw unreachable(statusFault(statusCode));
    return decode(await body.bytes());
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) throw unreachable(`took longer than ENMESH_JWKS_TIMEOUT`);
    throw error instanceof AppError ? error : unreachable(networkFault(error), error);
  } finally {
    await agent.destroy();
  }
}

/** Which addresses the URL may lead to. @throws AppError for a URL that is not asked at all */
function askable(url: URL, { allowPrivateAddresses, allowLoopback }: FetchSettings): (address: string) => boolean {
  const isPlain = url.protocol === 'http:' && allowLoopback;
  if (url.protocol !== 'https:' && !isPlain) throw refused('is not https');
  const mayAsk = (address: string): boolean => {
    if (allowLoopback && isLoopback(address)) return true;
    return !isPlain && (allowPrivateAddresses || isPublicAddress(address));
  };
  // An address in the URL is connected to without a look-up.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !mayAsk(host)) throw privateAddress();
  return mayAsk;
}

function checkedLookup(resolve: typeof lookup, mayAsk: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const [first, ...others] = addresses.filter(({ address }) => mayAsk(address));
      if (first === undefined) callback(privateAddress(), []);
      else if (options.all === true) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    });
  };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AppError('invalid', 'jwks_unusable', 'the JWKS is not UTF-8; nothing was changed');
  }
}

function statusFault(status: number): string {
  const cure = status >= 300 && status < 400 ? '; redirects are not followed, so set jwksUri to where it leads' : '';
  return `answers with status ${String(status)}${cure}`;
}

/** In a word of the network library's: its texts may hold addresses. */
function networkFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return `is larger than ${String(mostBytes / 1024)} KiB`;
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS/.test(code)) {
    return `shows a certificate that is not trusted (${code}; is its root in ENMESH_JWKS_CA?)`;
  }
  return /^[A-Z0-9_]{1,60}$/.test(code) ? `cannot be read (${code})` : 'cannot be read';
}

function unreachable(fault: string, cause?: unknown): AppError {
  return new AppError('unavailable', 'jwks_unreachable', `the JWKS ${fault}; nothing was changed`, { cause });
}

function privateAddress(): AppError {
  return refused('leads to an address that is not public (ENMESH_JWKS_ALLOW_PRIVATE_ADDRESSES allows it)');
}

function refused(fault: string): AppError {
  return new AppError('precondition', 'jwks_refused', `jwksUri ${fault}; nothing was changed`);
}
