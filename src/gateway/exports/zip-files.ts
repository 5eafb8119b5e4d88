/** Sends zips: whole or in part, out of memory or as the export role sends them. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../domain/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { GatewaySettings } from '../settings.ts';
import { planFile, type ByteRange, type FilePlan } from './conditional.ts';
import { FileCache } from './file-cache.ts';
import { openFile, type CallOptions, type ExportClient } from './wire.ts';

/** What {@link ZipFiles} needs. */
export interface ZipFilesOptions {
  readonly client: ExportClient;
  readonly settings: Pick<GatewaySettings, 'fileCacheBytes'>;
  readonly logger: Logger;
}

/** A request for a file, and its answer. */
interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** What one file is called. */
interface FileName {
  readonly filenameRoot: string;
  readonly file: string;
}

/** All files of all exports. */
export class ZipFiles {
  readonly #options: ZipFilesOptions;
  readonly #cache: FileCache;

  constructor(options: ZipFilesOptions) {
    this.#options = options;
    this.#cache = new FileCache(options.settings.fileCacheBytes);
  }

  /**
   * Answers a GET or HEAD.
   * @throws AppError as long as nothing is sent
   */
  async send(name: FileName, call: CallOptions, { request, reply }: Exchange): Promise<FastifyReply> {
    const cached = this.#cache.get(nameOf(name));
    if (cached) {
      const { bytes, etag } = cached;
      const plan = planFor(request, { size: bytes.length, etag });
      sendHeader(reply, plan, { size: bytes.length, etag });
      const { offset, length } = plan.range ?? { offset: 0, length: 0 };
      return plan.range && request.method === 'GET'
        ? reply.send(bytes.subarray(offset, offset + length))
        : reply.send();
    }
    return isPlainGet(request)
      ? await this.#sendWhole(name, call, reply)
      : await this.#sendAsAsked(name, call, { request, reply });
  }

  async #sendWhole(name: FileName, call: CallOptions, reply: FastifyReply): Promise<FastifyReply> {
    const file = await openFile(this.#options.client, { ...name, offset: 0, length: 0 }, call);
    const plan = { status: 200, range: { offset: 0, length: file.size } } as const;
    sendHeader(reply, plan, file);
    return this.#stream(reply, this.#cache.keep(nameOf(name), file, exactly(file.chunks, file.size)), call);
  }

  /** Looks at the file first: what is to be sent depends on its size and validator. */
  async #sendAsAsked(name: FileName, call: CallOptions, { request, reply }: Exchange): Promise<FastifyReply> {
    const { client } = this.#options;
    const file = await openFile(client, { ...name, offset: 0, length: 1 }, call);
    file.close();
    const plan = planFor(request, file);
    if (plan.range === undefined || request.method === 'HEAD') {
      sendHeader(reply, plan, file);
      return reply.send();
    }
    const part = await openFile(client, { ...name, ...plan.range }, call);
    if (part.etag !== file.etag) throw new AppError('internal', 'internal_error', 'a published file has changed');
    sendHeader(reply, plan, file);
    return this.#stream(reply, exactly(part.chunks, plan.range.length), call);
  }

  #stream(reply: FastifyReply, chunks: AsyncIterable<Buffer>, { signal }: CallOptions): FastifyReply {
    const { logger } = this.#options;
    async function* reported(): AsyncGenerator<Buffer> {
      try {
        yield* chunks;
      } catch (err) {
        if (!signal.aborted) logger.error({ route: 'file', err }, 'a published file broke off while it was sent');
        throw err;
      }
    }
    return reply.send(Readable.from(reported(), { objectMode: false }));
  }
}

function nameOf({ filenameRoot, file }: FileName): string {
  return `${filenameRoot}/${file}`;
}

function isPlainGet({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers.range === undefined && headers['if-none-match'] === undefined;
}

/** Ranges are for GET alone (RFC 9110, 14.2). */
function planFor({ method, headers }: FastifyRequest, file: { size: number; etag: string }): FilePlan {
  return planFile(method === 'GET' ? headers : { ...headers, range: undefined }, file);
}

function sendHeader(reply: FastifyReply, plan: FilePlan, file: { size: number; etag: string }): void {
  reply.code(plan.status).header('accept-ranges', 'bytes').header('etag', file.etag);
  if (plan.status === 416) {
    reply.header('cache-control', 'no-store').header('content-range', `bytes */${String(file.size)}`);
    return;
  }
  // Reference 3.4.
  reply.header('cache-control', 'public, max-age=86400');
  if (plan.range === undefined) return;
  reply
    .header('content-type', 'application/zip')
    .header('content-length', String(plan.range.length))
    .header('x-content-type-options', 'nosniff');
  if (plan.status === 206) reply.header('content-range', contentRange(plan.range, file.size));
}

function contentRange({ offset, length }: ByteRange, size: number): string {
  return `bytes ${String(offset)}-${String(offset + length - 1)}/${String(size)}`;
}

/** What has another length than announced must not look complete: the last chunk waits for the end. */
async function* exactly(chunks: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let seen = 0;
  let last: Buffer | undefined;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > length) break;
    if (last) yield last;
    last = chunk;
  }
  if (seen !== length)
    throw new AppError('internal', 'internal_error', 'the export role sent a file of another length');
  if (last) yield last;
}
