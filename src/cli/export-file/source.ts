/** Bytes from where the person points: a file's path or an http(s) URL. */
import { createReadStream } from 'node:fs';
import { AppError } from '../../domain/errors.ts';

/** Longest wait for one file over the network. */
const timeoutMs = 60_000;

/** True for an http(s) URL, false for a path. */
export function isUrl(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/**
 * Reads all of it.
 *
 * @param maxBytes more is refused
 * @throws AppError `unavailable`/`source_unreadable`, `invalid`/`source_too_large`, both naming the location
 */
export async function readSource(location: string, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
  try {
    const body = isUrl(location) ? await fetchBody(location, signal) : createReadStream(location, { signal });
    return await collect(body as AsyncIterable<Uint8Array>, { location, maxBytes });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw unreadable(location, reasonOf(error), error);
  }
}

async function fetchBody(url: string, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]) });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw unreadable(url, `the server answered ${String(response.status)}`);
  }
  return response.body;
}

async function collect(
  body: AsyncIterable<Uint8Array>,
  { location, maxBytes }: { readonly location: string; readonly maxBytes: number },
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) {
      throw new AppError('invalid', 'source_too_large', `${location}: more than ${String(maxBytes)} bytes`);
    }
  }
  return Buffer.concat(chunks);
}

function unreadable(location: string, reason: string, cause?: unknown): AppError {
  return new AppError('unavailable', 'source_unreadable', `${location}: cannot be read: ${reason}`, { cause });
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
