/** The gateway role: HTTP for phones, on the way to the server role and from the export role. */
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Address } from '../platform/config/readers.ts';
import type { Running } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { measureRequests } from './access-metrics.ts';
import { ExportsRoute } from './exports/handle.ts';
import { exportsPrefix } from './exports/object-path.ts';
import type { ExportClient } from './exports/wire.ts';
import { healthRoutes } from './health.ts';
import { HttpServer } from './http-server.ts';
import { sendPlain } from './plain-answer.ts';
import { publishPath, PublishRoute } from './publish/handle.ts';
import type { PublishClient } from './publish/wire.ts';
import type { GatewaySettings } from './settings.ts';

export { gatewayDefaults, gatewaySettings, type GatewaySettings } from './settings.ts';

/** What the role is given. */
export interface GatewayOptions {
  readonly settings: GatewaySettings;
  readonly publish: PublishClient;
  readonly exports: ExportClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** True when a publish would find its way; `/health` tells it. */
  isReady(): Promise<boolean>;
}

/**
 * Listens and answers.
 * @returns the address it really listens on (port 0 = any free one)
 * @throws AppError `precondition`: `cannot_listen`, `bad_tls`
 */
export async function startGateway(options: GatewayOptions): Promise<Running & { readonly address: Address }> {
  const { settings, logger } = options;
  const state = { isDraining: false };
  let http: HttpServer | undefined;
  const app = fastify({
    serverFactory: (listener) => (http = new HttpServer(settings, listener)).server,
    exposeHeadRoutes: false,
    trustProxy: trustedBy(settings),
    frameworkErrors: (_error, _request, reply) => {
      void sendPlain(reply, 404);
    },
  });
  addRoutes(app, options);
  healthRoutes(app, { isReady: () => options.isReady(), isDraining: () => state.isDraining });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (state.isDraining) reply.header('connection', 'close');
    done(null, payload);
  });
  await app.ready();
  const server = http!;
  const address = await server.listen(settings.address);
  logger.info({ ...address, tls: settings.tls !== undefined, maintenance: settings.maintenance }, 'gateway listens');
  const drain = (): void => {
    state.isDraining = true;
  };
  let stopped: Promise<void> | undefined;
  return {
    address,
    drain,
    stop: () => {
      drain();
      return (stopped ??= server.stop(settings.timeouts, logger));
    },
  };
}

function addRoutes(app: FastifyInstance, options: GatewayOptions): void {
  const { settings, logger } = options;
  const publish = new PublishRoute({ client: options.publish, settings, logger });
  // Bodies are read by the one route that wants them, by its own rules.
  for (const method of app.supportedMethods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  measureRequests(app, options.metrics);
  publish.register(app);
  new ExportsRoute({ client: options.exports, settings, logger }).register(app);
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    if (path === publishPath) return publish.refuseMethod(request, reply);
    if (path.startsWith(exportsPrefix)) return sendPlain(reply.header('allow', 'GET, HEAD'), 405);
    return sendPlain(reply, 404);
  });
  app.setErrorHandler((err, request, reply) => {
    logger.error({ route: request.routeLabel, err }, 'a request failed');
    return pathOf(request) === publishPath ? publish.fail(request, reply) : sendPlain(reply, 500);
  });
}

/** As Fastify wants it: false, or networks. */
function trustedBy({ trustedProxies }: GatewaySettings): false | string[] {
  if (trustedProxies.length === 0) return false;
  return trustedProxies.map(({ address, prefix }) => `${address}/${String(prefix)}`);
}

function pathOf(request: FastifyRequest): string {
  return request.raw.url?.split('?', 1)[0] ?? '';
}
