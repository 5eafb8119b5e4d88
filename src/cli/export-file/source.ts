/** Bytes from where the person points: a file's path or an http(s) URL. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { AppError } from '../../domain/errors.ts';

/** Longest time over the network without anything coming, and for one file in all. */
const idleMs = 30_000;
const wholeMs = 15 * 60_000;

/** How a source is read. */
export interface SourceOptions {
  /** More is refused. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Told the bytes so far, and how many there will be where that is known. */
  readonly onBytes?: ((done: number, total: number | undefined) => void) | undefined;
  /** For tests; 30 s when not given. */
  readonly idleMs?: number;
}

/** True for an http(s) URL, false for a path. */
export function isUrl(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/**
 * Reads all of it.
 *
 * @throws AppError `unavailable`/`source_unreadable`, `invalid`/`source_too_large`, both naming the location; the signal's
 *   reason when it aborts
 */
export async function readSource(location: string, options: SourceOptions): Promise<Buffer> {
  const patience = new Patience(options);
  try {
    const body = isUrl(location)
      ? await fetchBody(location, patience.signal)
      : await openFile(location, patience.signal);
    return await collect(body, {
      location,
      ...options,
      onChunk: () => {
        patience.renew();
      },
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw unreadable(location, patience.reason ?? reasonOf(error), error);
  } finally {
    patience.end();
  }
}

interface Body {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Undefined = nobody says. */
  readonly size: number | undefined;
}

async function openFile(path: string, signal: AbortSignal): Promise<Body> {
  const found = await stat(path);
  return { chunks: createReadStream(path, { signal }), size: found.isFile() ? found.size : undefined };
}

async function fetchBody(url: string, signal: AbortSignal): Promise<Body> {
  const response = await fetch(url, { signal });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw unreadable(url, `the server answered ${String(response.status)}`);
  }
  const isPacked = response.headers.has('content-encoding');
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  return { chunks: response.body, size: isPacked || Number.isNaN(length) ? undefined : length };
}

async function collect(
  { chunks, size }: Body,
  { location, maxBytes, onBytes, onChunk }: SourceOptions & { readonly location: string; onChunk(): void },
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let done = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    done += chunk.length;
    if (done > maxBytes) {
      throw new AppError('invalid', 'source_too_large', `${location}: more than ${String(maxBytes)} bytes`);
    }
    onChunk();
    onBytes?.(done, size);
  }
  return Buffer.concat(parts);
}

/** Gives up what stands still, and what never ends. */
class Patience {
  readonly #controller = new AbortController();
  readonly #idleMs: number;
  readonly #whole: NodeJS.Timeout;
  #idle: NodeJS.Timeout;
  readonly signal: AbortSignal;
  /** Why it was given up; undefined = it was not. */
  reason: string | undefined;

  constructor({ signal, idleMs: ownIdleMs = idleMs }: SourceOptions) {
    this.#idleMs = ownIdleMs;
    this.signal = signal === undefined ? this.#controller.signal : AbortSignal.any([this.#controller.signal, signal]);
    this.#idle = this.#waitIdle();
    this.#whole = setTimeout(() => {
      this.#giveUp(`it took longer than ${String(wholeMs / 60_000)} min`);
    }, wholeMs);
  }

  renew(): void {
    clearTimeout(this.#idle);
    this.#idle = this.#waitIdle();
  }

  end(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#whole);
  }

  #waitIdle(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#giveUp(`nothing came for ${String(this.#idleMs / 1000)} s`);
    }, this.#idleMs);
  }

  #giveUp(reason: string): void {
    this.reason = reason;
    this.#controller.abort();
  }
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
