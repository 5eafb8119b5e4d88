/** `/exports/…`: index, public keys and files, for phones and the CDN before them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../domain/errors.ts';
import { clientSignal } from '../client-signal.ts';
import { sendPlain } from '../plain-answer.ts';
import type { GatewaySettings } from '../settings.ts';
import { isNotModified } from './conditional.ts';
import { exportsPrefix, parseObjectPath, type PublishedObject } from './object-path.ts';
import { renderPublicKeys } from './public-keys.ts';
import { fetchIndex, fetchPublicKeys, type CallOptions, type SmallObject } from './wire.ts';
import { ZipFiles, type ZipFilesOptions } from './zip-files.ts';

/** What {@link ExportsRoute} needs. */
export interface ExportsRouteOptions extends ZipFilesOptions {
  readonly settings: ZipFilesOptions['settings'] & Pick<GatewaySettings, 'retryAfterSeconds' | 'timeouts'>;
}

/** How phones and CDNs treat a small object; reference 3.5 for the index. */
const indexHeaders = { type: 'text/plain', cacheControl: 'no-cache, max-age=0' };
const keysHeaders = { type: 'application/json', cacheControl: 'public, max-age=300' };

/** Everything that is published. */
export class ExportsRoute {
  readonly #options: ExportsRouteOptions;
  readonly #files: ZipFiles;

  constructor(options: ExportsRouteOptions) {
    this.#options = options;
    this.#files = new ZipFiles(options);
  }

  /** Adds the route; what it does not have is 404, and what is on hold is 403, without a word why. */
  register(app: FastifyInstance): void {
    app.route({
      method: ['GET', 'HEAD'],
      url: `${exportsPrefix}*`,
      handler: async (request, reply) => await this.#handle(request, reply),
    });
  }

  async #handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const object = parseObjectPath(request.raw.url ?? '');
    if (object === undefined) return sendPlain(reply, 404);
    request.routeLabel = object.kind;
    const call = { signal: clientSignal(reply.raw), timeoutMs: this.#options.settings.timeouts.callMs };
    try {
      return await this.#send(object, call, { request, reply });
    } catch (err) {
      return call.signal.aborted ? reply.hijack() : this.#fail(reply, object, err);
    }
  }

  async #send(
    object: PublishedObject,
    call: CallOptions,
    { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  ): Promise<FastifyReply> {
    const { client } = this.#options;
    switch (object.kind) {
      case 'index':
        return sendSmall(request, reply, { ...(await fetchIndex(client, object.filenameRoot, call)), ...indexHeaders });
      case 'keys': {
        const keys = await fetchPublicKeys(client, object.filenameRoot, call);
        return sendSmall(request, reply, { ...renderPublicKeys(keys), ...keysHeaders });
      }
      case 'file':
        return await this.#files.send(object, call, { request, reply });
    }
  }

  #fail(reply: FastifyReply, object: PublishedObject, err: unknown): FastifyReply {
    const { settings, logger } = this.#options;
    const status = failureStatus(err);
    if (status === 403 || status === 404) return sendPlain(reply, status);
    logger.error({ route: object.kind, status, err }, 'a published object could not be sent');
    if (status === 503) reply.header('retry-after', String(settings.retryAfterSeconds));
    return sendPlain(reply, status);
  }
}

function failureStatus(error: unknown): 403 | 404 | 500 | 503 {
  if (!(error instanceof AppError)) return 500;
  // Not 503, for which caches may go on to hand out what they have.
  if (error.code === 'on_hold') return 403;
  if (error.kind === 'not_found' || error.kind === 'invalid') return 404;
  return error.kind === 'unavailable' || error.kind === 'timeout' || error.kind === 'exhausted' ? 503 : 500;
}

function sendSmall(
  request: FastifyRequest,
  reply: FastifyReply,
  object: SmallObject & { readonly type: string; readonly cacheControl: string },
): FastifyReply {
  reply.header('etag', object.etag).header('cache-control', object.cacheControl);
  if (isNotModified(request.headers, object.etag)) return reply.code(304).send();
  return reply.header('content-type', object.type).header('x-content-type-options', 'nosniff').send(object.bytes);
}
