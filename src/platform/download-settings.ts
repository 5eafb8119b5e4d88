/** What the environment says about fetching other authorities' files. */
import type { Values } from './config/load.ts';
import { readRoots } from './config/root-files.ts';
import type { DownloadOptions } from './download.ts';
import type { DownloadPlaces } from './download-place.ts';

/** How other authorities' indexes and files are fetched. */
export interface DownloadSettings {
  readonly places: DownloadPlaces;
  /** For an index, from the name look-up to the last byte. */
  readonly indexTimeoutMs: number;
  /** The same for a file. */
  readonly fileTimeoutMs: number;
  /** Between two pieces of either. */
  readonly idleTimeoutMs: number;
}

/** What one download is held to. */
export type DownloadLimits = Pick<DownloadOptions, 'maxBytes' | 'signal'>;

const variables = {
  roots: 'ENMESH_DOWNLOAD_CA',
  privateAddresses: 'ENMESH_DOWNLOAD_ALLOW_PRIVATE_ADDRESSES',
} as const;
const indexWords = {
  ...variables,
  content: 'the index',
  setting: 'indexUrl',
  timeout: 'ENMESH_DOWNLOAD_INDEX_TIMEOUT',
} as const;
const fileWords = {
  ...variables,
  content: 'the file',
  setting: 'baseUrl',
  timeout: 'ENMESH_DOWNLOAD_FILE_TIMEOUT',
} as const;

/** A server that sends nothing for so long has stopped; a slow one goes on to the limit of the whole. */
const idleTimeoutMs = 15_000;

/** @throws ConfigurationError for a file of roots that cannot be used */
export async function downloadSettings(values: Values): Promise<DownloadSettings> {
  return {
    places: {
      ca: await readRoots('ENMESH_DOWNLOAD_CA', values),
      allowPrivateAddresses: values.ENMESH_DOWNLOAD_ALLOW_PRIVATE_ADDRESSES,
      allowLoopback: values.ENMESH_UNSAFE_LOOPBACK,
    },
    indexTimeoutMs: values.ENMESH_DOWNLOAD_INDEX_TIMEOUT * 1000,
    fileTimeoutMs: values.ENMESH_DOWNLOAD_FILE_TIMEOUT * 1000,
    idleTimeoutMs,
  };
}

/** How an index is fetched. */
export function indexDownload(settings: DownloadSettings, limits: DownloadLimits): DownloadOptions {
  const { places, idleTimeoutMs, indexTimeoutMs: timeoutMs } = settings;
  return { ...limits, places, timeoutMs, idleTimeoutMs, words: indexWords, accept: 'text/plain, */*;q=0.1' };
}

/** How a file is fetched. */
export function fileDownload(settings: DownloadSettings, limits: DownloadLimits): DownloadOptions {
  const { places, idleTimeoutMs, fileTimeoutMs: timeoutMs } = settings;
  return { ...limits, places, timeoutMs, idleTimeoutMs, words: fileWords, accept: 'application/zip, */*;q=0.1' };
}
