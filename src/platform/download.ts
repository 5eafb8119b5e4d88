/** Downloads a document or a file from somebody else's server: over verified TLS, bounded in size and time. */
import { createHash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import type { Agent, Dispatcher } from 'undici';
import { AppError } from '../domain/errors.ts';
import { downloadFaults, type DownloadFaults, type DownloadWords } from './download-faults.ts';
import { addressRule, checkedLookup, type DownloadPlaces } from './download-place.ts';

/** One download. */
export interface DownloadOptions {
  readonly places: DownloadPlaces;
  /** What messages call things. */
  readonly words: DownloadWords;
  readonly maxBytes: number;
  /** For all of it, from the name look-up to the last byte. */
  readonly timeoutMs: number;
  /** Between two pieces of the answer; bounded by `timeoutMs` alone when not given. */
  readonly idleTimeoutMs?: number;
  /** Media types, as the `accept` header names them. */
  readonly accept: string;
  readonly signal: AbortSignal;
}

/** A file that was downloaded. */
export interface DownloadedFile {
  /** Bytes. */
  readonly size: number;
  readonly sha256: Buffer;
}

type Body = Dispatcher.ResponseData['body'];

/**
 * The whole answer. Its status is 200; redirects are not followed: whoever could redirect us could name any place.
 * @throws AppError unavailable `download_failed` for whatever may pass with time; invalid `download_too_large`;
 *   precondition `download_refused` for a place that is not asked; the signal's reason when it aborts
 */
export async function downloadBytes(url: string, options: DownloadOptions): Promise<Buffer> {
  return await download(url, options, async (body) => Buffer.from(await body.bytes()));
}

/**
 * Streams the answer into a new file of its own, which is removed when that fails.
 * @param path nothing may be there
 * @throws AppError as {@link downloadBytes}; unavailable `spool_unavailable` when the file cannot be written
 */
export async function downloadToFile(url: string, path: string, options: DownloadOptions): Promise<DownloadedFile> {
  const file = await open(path, 'wx', 0o600).catch(spoolFault);
  try {
    return await download(url, options, async (body) => await write(file, body));
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await file.close().catch(() => undefined);
  }
}

async function download<T>(url: string, options: DownloadOptions, read: (body: Body) => Promise<T>): Promise<T> {
  const faults = downloadFaults(options);
  // Loaded when it is needed: few installations download anything.
  const undici = await import('undici');
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const dispatcher = new undici.Agent(agentOptions(new URL(url), options, faults));
  try {
    const { statusCode, headers, body } = await undici.request(url, {
      dispatcher,
      // What comes is taken as it is, so it must not be packed on the way.
      headers: { accept: options.accept, 'accept-encoding': 'identity' },
      signal: AbortSignal.any([options.signal, timeout]),
    });
    if (statusCode !== 200) throw faults.status(statusCode);
    if (!/^(identity)?$/i.test(String(headers['content-encoding'] ?? ''))) throw faults.packed();
    return await read(body);
  } catch (error) {
    options.signal.throwIfAborted();
    if (timeout.aborted) throw faults.tookTooLong();
    throw error instanceof AppError ? error : faults.network(error);
  } finally {
    await dispatcher.destroy();
  }
}

function agentOptions(
  url: URL,
  { places, maxBytes, ...options }: DownloadOptions,
  faults: DownloadFaults,
): Agent.Options {
  const rule = addressRule(url, places);
  if (rule === 'not https') throw faults.notHttps();
  if (rule === 'private address') throw faults.privateAddress();
  const idleMs = options.idleTimeoutMs ?? options.timeoutMs;
  return {
    // The addresses that are checked are those that are connected to: a name cannot change its meaning in between.
    connect: {
      rejectUnauthorized: true,
      timeout: options.timeoutMs,
      lookup: checkedLookup(places, rule),
      ...(places.ca === undefined ? {} : { ca: places.ca }),
    },
    allowH2: false,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    maxResponseSize: maxBytes,
  };
}

async function write(file: FileHandle, body: Body): Promise<DownloadedFile> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
    await file.writeFile(chunk).catch(spoolFault);
  }
  return { size, sha256: hash.digest() };
}

function spoolFault(cause: unknown): never {
  throw new AppError('unavailable', 'spool_unavailable', 'the folder for unfinished files cannot be written', {
    cause,
  });
}
