/** `POST /v1/stats`: how a health authority reads how much its certificates were used. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DecodeFailure, isJsonContentType } from '../../domain/publish-body/decode.ts';
import { decodeStatsBody } from '../../domain/publish-body/decode-stats.ts';
import type { Logger } from '../../platform/logger.ts';
import { admit } from '../admission.ts';
import { clientSignal } from '../client-signal.ts';
import { sendJson } from '../json-answer.ts';
import { makePadding } from '../padding.ts';
import { fixedAnswers } from '../publish/answer.ts';
import { chaffAnswer, isChaff } from '../publish/chaff.ts';
import { ChaffProfile } from '../publish/chaff-profile.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { RequestBody } from '../request-body.ts';
import type { GatewaySettings } from '../settings.ts';
import { failureOfStats, notBearer, renderStats, statsFailure, undecodableStats, type StatsAnswer } from './answer.ts';
import { shippedStatsProfile } from './shipped-profile.ts';
import { getStats, type StatsClient } from './wire.ts';

/** Where health authorities ask. */
export const statsPath = '/v1/stats';

/** One space; what follows is the token (reference 7). */
const bearer = 'Bearer ';

/** What {@link StatsRoute} needs. */
export interface StatsRouteOptions {
  readonly client: StatsClient;
  readonly settings: Pick<
    GatewaySettings,
    'maintenance' | 'statsPadding' | 'bodyLimit' | 'retryAfterSeconds' | 'timeouts'
  >;
  readonly logger: Logger;
  readonly rateLimit: RateLimit;
}

/** The route with the profile that its chaff follows: a fixed one, since sizes of real answers tell of statistics. */
export class StatsRoute {
  /** Where it is answered. */
  readonly path = statsPath;
  readonly #options: StatsRouteOptions;
  readonly #profile = new ChaffProfile(shippedStatsProfile);

  constructor(options: StatsRouteOptions) {
    this.#options = options;
  }

  /** Adds the route. */
  register(app: FastifyInstance): void {
    app.post(this.path, async (request, reply) => await this.#handle(request, reply));
  }

  /** Answers any method but POST. */
  refuseMethod(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    request.routeLabel = 'stats';
    return this.#send(reply.header('allow', 'POST'), fixedAnswers.methodNotAllowed, false);
  }

  /** Answers what nobody foresaw. */
  fail(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    request.routeLabel = 'stats';
    return this.#send(reply, statsFailure, false);
  }

  async #handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { settings } = this.#options;
    const pretends = isChaff(request.headers);
    request.routeLabel = pretends ? 'chaff' : 'stats';
    const admission = await admit(request, reply, this.#options);
    if (admission === undefined) return reply.hijack();
    const { body, refusal } = admission;
    if (refusal !== undefined) return this.#send(reply, refusal, body.isCut);
    if (pretends) {
      const json = await chaffAnswer(this.#profile, settings.statsPadding, performance.now());
      return sendJson(reply, 200, json, body.isCut);
    }
    const answer = await this.#read(request, reply, body);
    return answer === undefined ? reply.hijack() : this.#send(reply, answer, body.isCut);
  }

  /** undefined when nobody waits for the answer any more. */
  async #read({ headers }: FastifyRequest, reply: FastifyReply, body: RequestBody): Promise<StatsAnswer | undefined> {
    const { client, settings, logger } = this.#options;
    if (!isJsonContentType(headers['content-type'])) {
      return undecodableStats(new DecodeFailure(415, 'content-type is not application/json'));
    }
    const decoded = decodeStatsBody(body.bytes, body.isCut);
    if (decoded instanceof DecodeFailure) return undecodableStats(decoded);
    if (!headers.authorization?.startsWith(bearer)) return notBearer;
    const signal = clientSignal(reply.raw);
    const token = headers.authorization.slice(bearer.length);
    try {
      return { status: 200, days: await getStats(client, token, { signal, timeoutMs: settings.timeouts.callMs }) };
    } catch (err) {
      if (signal.aborted) return undefined;
      const answer = failureOfStats(err);
      const outcome = { route: 'stats', status: answer.status, code: answer.code };
      if (answer.status >= 500) logger.error({ ...outcome, err }, 'statistics could not be read');
      else logger.debug(outcome, 'statistics were refused');
      return answer;
    }
  }

  #send(reply: FastifyReply, answer: StatsAnswer, isCut: boolean): FastifyReply {
    const { settings } = this.#options;
    if (answer.status === 503) reply.header('retry-after', String(settings.retryAfterSeconds));
    return sendJson(reply, answer.status, renderStats(answer, makePadding(settings.statsPadding)), isCut);
  }
}
