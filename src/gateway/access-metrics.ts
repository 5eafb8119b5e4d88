/** Counts and times every request; the labels take few values, whatever is asked. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from '../platform/metrics.ts';

/** What a request was about. Chaff is a route of its own, so that it counts as nothing else. */
export type RouteLabel = 'publish' | 'chaff' | 'stats' | 'index' | 'keys' | 'file' | 'health' | 'openapi' | 'other';

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Upper bounds in seconds. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the handler that knows. */
    routeLabel: RouteLabel;
  }
}

/** Adds the hook that measures. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const requests = metrics.counter({
    name: 'enmesh_http_requests_total',
    help: 'HTTP requests that were answered.',
    labelNames: ['route', 'method', 'status'],
  });
  const seconds = metrics.histogram({
    name: 'enmesh_http_request_seconds',
    help: 'From the header of a request to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets,
  });
  app.decorateRequest('routeLabel', 'other');
  app.addHook('onResponse', (request, reply, done) => {
    const labels = { route: request.routeLabel, method: methodLabel(request), status: reply.statusCode };
    requests.inc(labels);
    seconds.observe(labels, reply.elapsedTime / 1000);
    done();
  });
}

function methodLabel({ method }: FastifyRequest): string {
  return methods.has(method) ? method : 'OTHER';
}
