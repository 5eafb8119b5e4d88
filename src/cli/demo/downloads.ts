/** What a phone downloads: the index, then files that it has not seen, believed only when their signature is good. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import { AppError } from '../../domain/errors.ts';
import { largestZipBytes } from '../../domain/export-file/format.ts';
import { loadPublicKeys } from '../export-file/public-keys.ts';
import { readIndex } from '../export-file/read-index.ts';
import { readSource } from '../export-file/source.ts';
import { verifyFile } from '../export-file/verify.ts';
import type { Site } from './authorities.ts';
import { failed } from './failed.ts';
import { until } from './until.ts';

/** A file that was verified. */
export interface Download {
  readonly url: string;
  readonly bytes: number;
  readonly keys: readonly DecodedKey[];
  /** Whose signatures are good: ID and version. */
  readonly signers: readonly string[];
}

/** Where phones of an authority look for new files. */
export function indexUrl({ gatewayUrl, name }: Site): string {
  return `${gatewayUrl}/exports/${name}/index.txt`;
}

/** Where an authority shows the keys that verify its files. */
export function publicKeysUrl({ gatewayUrl, name }: Site): string {
  return `${gatewayUrl}/exports/${name}/keys.json`;
}

/**
 * Downloads new files as they appear, until one holds every key that is waited for.
 * @param wanted base64
 * @throws AppError `demo_failed` for a file with a fault
 */
export async function downloadWith(wanted: readonly string[], from: Site, signal: AbortSignal): Promise<Download> {
  const seen = new Set<string>();
  return await until(async () => {
    for (const url of await listed(from, signal)) {
      if (seen.has(url)) continue;
      seen.add(url);
      const file = await download(url, from, signal);
      const found = new Set(file.keys.map(({ key }) => key.toString('base64')));
      if (wanted.every((key) => found.has(key))) return file;
    }
    return undefined;
  }, signal);
}

/** URLs of all files; none before the first one is there. */
async function listed(from: Site, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await readIndex(indexUrl(from), undefined, signal);
  } catch (error) {
    if (error instanceof AppError && error.code === 'source_unreadable') return [];
    throw error;
  }
}

async function download(url: string, from: Site, signal: AbortSignal): Promise<Download> {
  const publicKeys = await loadPublicKeys(publicKeysUrl(from), signal);
  const zip = await readSource(url, { maxBytes: largestZipBytes, signal });
  const { report, keys } = await verifyFile(url, zip, publicKeys);
  if (report.faults.length > 0) {
    throw failed(`${url} has faults`, report.faults);
  }
  const signatures = report.summary?.signatures ?? [];
  const good = signatures.filter(({ verdict }) => verdict === 'verified');
  const signers = good.map(({ keyId, keyVersion }) => `${keyId}/${keyVersion}`);
  return { url, bytes: zip.length, keys: [...keys], signers };
}
