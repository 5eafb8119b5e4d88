/** `/healthz`: this process answers. `/health`: a publish would find its way too, as the deployed server's says. */
import type { FastifyInstance } from 'fastify';
import { sharedResult } from '../platform/shared-result.ts';
import { within } from '../platform/time-limit.ts';

/** Longest time of one look, and for how long its result is told again (reference 1.1: 1 s). */
const lookMs = 2_000;
const cacheMs = 1_000;

/** What decides about `/health`. */
export interface HealthOptions {
  /** Asked at most once a second. */
  isReady(): Promise<boolean>;
  /** Asked each time: who is about to stop says so at once. */
  isDraining(): boolean;
}

/** Adds both routes; they answer in maintenance mode too. */
export function healthRoutes(app: FastifyInstance, { isReady, isDraining }: HealthOptions): void {
  const isHealthy = sharedResult(cacheMs, () => within(lookMs, isReady()).catch(() => false));
  app.get('/healthz', async (request, reply) => {
    request.routeLabel = 'health';
    return await reply.header('cache-control', 'no-store').send({ status: 'ok' });
  });
  app.get('/health', async (request, reply) => {
    request.routeLabel = 'health';
    const healthy = !isDraining() && (await isHealthy());
    return await reply
      .code(healthy ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: healthy ? 'ok' : 'unavailable' });
  });
}
