/** `/.well-known/…`: who our issuer is, for the partners that verify our tokens. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { wellKnownPaths, type WellKnownDocument } from '../../domain/federation/well-known.ts';
import type { Logger } from '../../platform/logger.ts';
import { sharedResult } from '../../platform/shared-result.ts';
import { sendPlain } from '../plain-answer.ts';
import type { GatewaySettings } from '../settings.ts';
import { renderDocuments } from './documents.ts';
import { fetchIdentity, type IdentityClient } from './wire.ts';

/** How long caches may keep them: a key signs ten minutes after it was published here. */
export const wellKnownCacheControl = 'public, max-age=300';

/** How long the federation role is not asked again, in milliseconds. */
const rememberedMs = 60_000;
/** And after it did not answer. */
const failureMs = 1_000;
/** So long what is known is told although the federation role does not answer. */
const staleMs = 3_600_000;

/** What {@link WellKnownRoute} needs. */
export interface WellKnownRouteOptions {
  readonly client: IdentityClient;
  readonly settings: Pick<GatewaySettings, 'retryAfterSeconds' | 'timeouts'>;
  readonly logger: Logger;
}

/** Null = the issuer of our tokens is not ours. */
type Documents = ReturnType<typeof renderDocuments> | null;

/** Both documents. */
export class WellKnownRoute {
  readonly #options: WellKnownRouteOptions;
  readonly #ask: () => Promise<Documents>;
  #known: { readonly documents: Documents; readonly at: number } | undefined;

  constructor(options: WellKnownRouteOptions) {
    this.#options = options;
    this.#ask = sharedResult(failureMs, () => this.#fetch());
  }

  /** Adds the routes; 404 where the issuer is not ours, 503 while nobody knows. */
  register(app: FastifyInstance): void {
    for (const [document, url] of Object.entries(wellKnownPaths) as [WellKnownDocument, string][]) {
      app.route({ method: ['GET', 'HEAD'], url, handler: (_request, reply) => this.#handle(document, reply) });
    }
  }

  async #handle(document: WellKnownDocument, reply: FastifyReply): Promise<FastifyReply> {
    const documents = await this.#documents();
    if (documents === undefined) {
      return sendPlain(reply.header('retry-after', String(this.#options.settings.retryAfterSeconds)), 503);
    }
    if (documents === null) return sendPlain(reply, 404);
    return reply
      .header('content-type', document === 'jwks' ? 'application/jwk-set+json' : 'application/json')
      .header('cache-control', wellKnownCacheControl)
      .header('x-content-type-options', 'nosniff')
      .send(Buffer.from(documents[document]));
  }

  /** Undefined while they are not known. */
  async #documents(): Promise<Documents | undefined> {
    const known = this.#known;
    if (known !== undefined && performance.now() - known.at < rememberedMs) return known.documents;
    try {
      return await this.#ask();
    } catch (err) {
      this.#options.logger.warn({ err }, 'the federation role does not tell who our issuer is');
      return known !== undefined && performance.now() - known.at < staleMs ? known.documents : undefined;
    }
  }

  async #fetch(): Promise<Documents> {
    const { client, settings } = this.#options;
    const identity = await fetchIdentity(client, settings.timeouts.callMs);
    const documents = identity.issuer === '' ? null : renderDocuments(identity);
    this.#known = { documents, at: performance.now() };
    return documents;
  }
}
