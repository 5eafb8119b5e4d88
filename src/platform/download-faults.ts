/** What a download that failed tells an operator: safe words, and never the URL or an address. */
import { AppError } from '../domain/errors.ts';
import type { VariableName } from './config/variables.ts';
import { PrivateAddressError } from './download-place.ts';

/** What messages call things. */
export interface DownloadWords {
  /** What is downloaded: `the JWKS`. */
  readonly content: string;
  /** Where the URL was written: `jwksUri`. */
  readonly setting: string;
  /** Variables that set the time limit, the roots of trust, and whether private addresses are asked. */
  readonly timeout: VariableName;
  readonly roots: VariableName;
  readonly privateAddresses: VariableName;
}

/** Each way to fail, as an error. */
export interface DownloadFaults {
  notHttps(): AppError;
  privateAddress(): AppError;
  status(code: number): AppError;
  packed(): AppError;
  tookTooLong(): AppError;
  /** In a word of the network library's: its texts hold addresses and certificates, so they go into no log either. */
  network(cause: unknown): AppError;
}

/** The faults of one download. */
export function downloadFaults({
  words,
  maxBytes,
}: {
  readonly words: DownloadWords;
  readonly maxBytes: number;
}): DownloadFaults {
  const failed = (fault: string): AppError =>
    new AppError('unavailable', 'download_failed', `${words.content} ${fault}`);
  const refused = (fault: string): AppError =>
    new AppError('precondition', 'download_refused', `${words.setting} ${fault}`);
  const privateAddress = (): AppError =>
    refused(`leads to an address that is not public (${words.privateAddresses} allows it)`);
  return {
    notHttps: () => refused('is not https'),
    privateAddress,
    status: (code) => {
      const isRedirect = code >= 300 && code < 400;
      const cure = isRedirect ? `; redirects are not followed, so set ${words.setting} to where it leads` : '';
      return failed(`answers with status ${String(code)}${cure}`);
    },
    packed: () => failed('comes compressed for the way, which was not asked for'),
    tookTooLong: () => failed(`took longer than ${words.timeout}`),
    network: (cause) => {
      if (cause instanceof PrivateAddressError) return privateAddress();
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
      if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
        return new AppError('invalid', 'download_too_large', `${words.content} is larger than ${sizeText(maxBytes)}`);
      }
      return failed(networkFault(code, words));
    },
  };
}

function networkFault(code: string, { roots }: DownloadWords): string {
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'stopped coming';
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS/.test(code)) {
    return `shows a certificate that is not trusted (${code}; is its root in ${roots}?)`;
  }
  return /^[A-Z0-9_]{1,60}$/.test(code) ? `cannot be read (${code})` : 'cannot be read';
}

function sizeText(bytes: number): string {
  return bytes % 1024 === 0 ? `${String(bytes / 1024)} KiB` : `${String(bytes)} bytes`;
}
