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
import { WellKnownRoute } from './identity/handle.ts';
import type { IdentityClient } from './identity/wire.ts';
import { openApiRoute } from './openapi/route.ts';
import { sendPlain } from './plain-answer.ts';
import { v1, v1alpha1 } from './publish/api.ts';
import { PublishRoute } from './publish/handle.ts';
import type { PublishClient } from './publish/wire.ts';
import { RateLimit } from './rate-limit/rate-limit.ts';
import type { GatewaySettings } from './settings.ts';
import { StatsRoute } from './stats/handle.ts';
import type { StatsClient } from './stats/wire.ts';

export { gatewayDefaults, gatewaySettings, type GatewaySettings } from './settings.ts';

/** What the role is given. */
export interface GatewayOptions {
  readonly settings: GatewaySettings;
  readonly publish: PublishClient;
  readonly stats: StatsClient;
  readonly exports: ExportClient;
  readonly identity: IdentityClient;
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
  const rateLimit = new RateLimit(settings);
  const apis = settings.hasV1Alpha1 ? [v1, v1alpha1] : [v1];
  const routes = [
    ...apis.map((api) => new PublishRoute({ client: options.publish, settings, logger, rateLimit, api })),
    new StatsRoute({ client: options.stats, settings, logger, rateLimit }),
  ];
  // Bodies are read by the routes that want them, by their own rules.
  for (const method of app.supportedMethods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  measureRequests(app, options.metrics);
  for (const route of routes) route.register(app);
  new ExportsRoute({ client: options.exports, settings, logger }).register(app);
  new WellKnownRoute({ client: options.identity, settings, logger }).register(app);
  openApiRoute(app, settings);
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const known = routes.find((route) => route.path === path);
    if (known) return known.refuseMethod(request, reply);
    if (path.startsWith(exportsPrefix)) return sendPlain(reply.header('allow', 'GET, HEAD'), 405);
    return sendPlain(reply, 404);
  });
  app.setErrorHandler((err, request, reply) => {
    logger.error({ route: request.routeLabel, err }, 'a request failed');
    const known = routes.find(({ path }) => path === pathOf(request));
    return known ? known.fail(request, reply) : sendPlain(reply, 500);
  });
}

function pathOf(request: FastifyRequest): string {
  return request.raw.url?.split('?', 1)[0] ?? '';
}
