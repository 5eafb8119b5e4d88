/** What every route that takes a POST does first: read the body, and refuse in maintenance or beyond the rate limit. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fixedAnswers } from './publish/answer.ts';
import type { RateLimit } from './rate-limit/rate-limit.ts';
import { readBody, type RequestBody } from './request-body.ts';
import type { GatewaySettings } from './settings.ts';

/** A request whose body is here. */
export interface Admission {
  readonly body: RequestBody;
  /** The answer to one that goes no further. */
  readonly refusal?: typeof fixedAnswers.maintenance | typeof fixedAnswers.rateLimited;
}

/** Undefined when the connection ended before the body did. */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  options: { readonly settings: Pick<GatewaySettings, 'maintenance' | 'bodyLimit'>; readonly rateLimit: RateLimit },
): Promise<Admission | undefined> {
  const { settings, rateLimit } = options;
  const body = await readBody(request.raw, settings.bodyLimit);
  if (body === undefined) return undefined;
  if (settings.maintenance) return { body, refusal: fixedAnswers.maintenance };
  const waitSeconds = await rateLimit.count(request.raw);
  if (waitSeconds === 0) return { body };
  reply.header('retry-after', String(waitSeconds));
  return { body, refusal: fixedAnswers.rateLimited };
}
