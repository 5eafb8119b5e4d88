/** `/exports/…`: index, public keys and files, for phones and the CDN before them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../domain/errors.ts';
import { clientSignal } from '../client-signal.ts';
import { sendPlain } from '../plain-answer.ts';
import type { GatewaySettings } from '../settings.ts';
import { exportsPrefix, parseObjectPath, type PublishedObject } from './object-path.ts';
import { SmallObjects } from './small-objects.ts';
import { ZipFiles, type Exchange, type ZipFilesOptions } from './zip-files.ts';

/** What {@link ExportsRoute} needs. */
export interface ExportsRouteOptions extends ZipFilesOptions {
  readonly settings: ZipFilesOptions['settings'] & Pick<GatewaySettings, 'retryAfterSeconds' | 'timeouts'>;
}

/** Everything that is published. */
export class ExportsRoute {
  readonly #options: ExportsRouteOptions;
  readonly #files: ZipFiles;
  readonly #smallObjects: SmallObjects;

  constructor(options: ExportsRouteOptions) {
    this.#options = options;
    this.#files = new ZipFiles(options);
    this.#smallObjects = new SmallObjects({
      client: options.client,
      timeoutMs: options.settings.timeouts.callMs,
    });
  }

  /** Adds the route; what it does not have is 404, and what is on hold is 403, without a word why. */
  register(app: FastifyInstance): void {
    app.route({
      method: ['GET', 'HEAD'],
      url: `${exportsPrefix}*`,
      handler: (request, reply) => this.#handle(request, reply),
    });
  }

  #handle(request: FastifyRequest, reply: FastifyReply): FastifyReply | Promise<FastifyReply> {
    const object = parseObjectPath(request.raw.url ?? '');
    if (object === undefined) return sendPlain(reply, 404);
    request.routeLabel = object.kind;
    const exchange = { request, reply };
    const sent = object.kind === 'file' ? this.#files.sendRemembered(object, exchange) : undefined;
    return sent ?? this.#ask(object, exchange);
  }

  async #ask(object: PublishedObject, exchange: Exchange): Promise<FastifyReply> {
    const { reply } = exchange;
    const signal = clientSignal(reply.raw);
    try {
      if (object.kind !== 'file') return await this.#smallObjects.send(object.kind, object.filenameRoot, exchange);
      const call = { signal, timeoutMs: this.#options.settings.timeouts.callMs };
      return await this.#files.send(object, call, exchange);
    } catch (err) {
      return signal.aborted ? reply.hijack() : this.#fail(reply, object, err);
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
