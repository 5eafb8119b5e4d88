/** `/openapi.json`: what this gateway answers, for programs. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { isNotModified, quotedEtag } from '../exports/conditional.ts';
import type { GatewaySettings } from '../settings.ts';
import { openApiCacheControl, openApiDocument, openApiPath } from './document.ts';

/** Adds the route; the document is made once. */
export function openApiRoute(app: FastifyInstance, settings: Pick<GatewaySettings, 'hasV1Alpha1'>): void {
  const bytes = Buffer.from(JSON.stringify(openApiDocument(settings)));
  const etag = quotedEtag(createHash('sha256').update(bytes).digest('base64url'));
  app.route({
    method: ['GET', 'HEAD'],
    url: openApiPath,
    handler: async (request, reply) => {
      request.routeLabel = 'openapi';
      reply.header('etag', etag).header('cache-control', openApiCacheControl);
      if (isNotModified(request.headers, etag)) return await reply.code(304).send();
      return await reply
        .header('content-type', 'application/json')
        .header('x-content-type-options', 'nosniff')
        .send(bytes);
    },
  });
}
