/** `/healthz`: this process answers. `/health`: a publish would find its way too, as the deployed server's says. */
import type { FastifyInstance } from 'fastify';
import { within } from '../platform/time-limit.ts';

/** Longest time of one look, and for how long its result is told again (reference 1.1: 1 s). */
const lookMs = 2_000;
const cacheMs = 1_000;

/** Adds both routes; they answer in maintenance mode too. */
export function healthRoutes(app: FastifyInstance, isReady: () => Promise<boolean>): void {
  const isHealthy = remembered(isReady);
  app.get('/healthz', async (request, reply) => {
    request.routeLabel = 'health';
    return await reply.header('cache-control', 'no-store').send({ status: 'ok' });
  });
  app.get('/health', async (request, reply) => {
    request.routeLabel = 'health';
    const healthy = await isHealthy();
    return await reply
      .code(healthy ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: healthy ? 'ok' : 'unavailable' });
  });
}

/** Looks at most once a second, however many ask. */
function remembered(isReady: () => Promise<boolean>): () => Promise<boolean> {
  let latest: Promise<boolean> | undefined;
  let until = 0;
  return () => {
    if (latest === undefined || performance.now() >= until) {
      until = performance.now() + cacheMs;
      latest = within(lookMs, isReady()).catch(() => false);
    }
    return latest;
  };
}
