/** Sends zips: whole or in part, out of memory or as the export role sends them. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../platform/logger.ts';
import type { GatewaySettings } from '../settings.ts';
import { cacheControl } from './cache-control.ts';
import { planFile, type ByteRange, type FilePlan } from './conditional.ts';
import type { FileDescription, KnownFile } from './file-cache.ts';
import { exactly, PublishedFiles, type FileName } from './published-files.ts';
import type { CallOptions, ExportClient } from './wire.ts';

/** What {@link ZipFiles} needs. */
export interface ZipFilesOptions {
  readonly client: ExportClient;
  readonly settings: Pick<GatewaySettings, 'fileCacheBytes' | 'fileFreshMs'>;
  readonly logger: Logger;
}

/** A request for an object, and its answer. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** All files of all exports. */
export class ZipFiles {
  readonly #logger: Logger;
  readonly #files: PublishedFiles;

  constructor({ client, settings, logger }: ZipFilesOptions) {
    this.#logger = logger;
    this.#files = new PublishedFiles(client, { maxBytes: settings.fileCacheBytes, freshMs: settings.fileFreshMs });
  }

  /** Answers a GET or HEAD out of memory; undefined when the export role has to be asked. */
  sendRemembered(name: FileName, exchange: Exchange): FastifyReply | undefined {
    const file = this.#files.remembered(name);
    if (file === undefined) return undefined;
    const plan = planFor(exchange.request, file);
    const isBodiless = plan.range === undefined || exchange.request.method === 'HEAD';
    return file.bytes !== undefined || isBodiless ? this.#sendKnown(file, plan, exchange) : undefined;
  }

  /**
   * Answers a GET or HEAD.
   * @throws AppError as long as nothing is sent
   */
  async send(name: FileName, call: CallOptions, exchange: Exchange): Promise<FastifyReply> {
    const { request, reply } = exchange;
    const file = await this.#files.find(name, isPlainGet(request), call);
    call.signal.throwIfAborted();
    const plan = planFor(request, file);
    if (file.bytes !== undefined || plan.range === undefined || request.method === 'HEAD') {
      return this.#sendKnown(file, plan, exchange);
    }
    const part = await this.#files.open(name, file, { range: plan.range, call });
    sendHeader(reply, plan, file);
    return this.#stream(reply, exactly(part.chunks, plan.range.length), call);
  }

  #sendKnown(file: KnownFile, plan: FilePlan, { request, reply }: Exchange): FastifyReply {
    sendHeader(reply, plan, file);
    if (file.bytes === undefined || plan.range === undefined || request.method === 'HEAD') return reply.send();
    reply.raw.once('close', this.#files.startReading(file));
    const { offset, length } = plan.range;
    return reply.send(file.bytes.subarray(offset, offset + length));
  }

  #stream(reply: FastifyReply, chunks: AsyncIterable<Buffer>, { signal }: CallOptions): FastifyReply {
    const logger = this.#logger;
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

/** Who asks for a part, or whether there is something new, may never want the whole. */
function isPlainGet({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers.range === undefined && headers['if-none-match'] === undefined;
}

/** Ranges are for GET alone (RFC 9110, 14.2). */
function planFor({ method, headers }: FastifyRequest, file: FileDescription): FilePlan {
  return planFile(method === 'GET' ? headers : { ...headers, range: undefined }, file);
}

function sendHeader(reply: FastifyReply, plan: FilePlan, file: FileDescription): void {
  reply.code(plan.status).header('accept-ranges', 'bytes').header('etag', file.etag);
  if (plan.status === 416) {
    reply.header('cache-control', 'no-store').header('content-range', `bytes */${String(file.size)}`);
    return;
  }
  reply.header('cache-control', cacheControl.file);
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
