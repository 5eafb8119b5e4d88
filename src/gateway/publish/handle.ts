/** `POST /v1/publish`: read, decode, hand to the server role, answer. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../platform/logger.ts';
import { clientSignal } from '../client-signal.ts';
import type { GatewaySettings } from '../settings.ts';
import { failureAnswer, fixedAnswers, storedAnswer, undecodableAnswer, type PublishAnswer } from './answer.ts';
import { chaffAnswer, isChaff } from './chaff.ts';
import { ChaffProfile } from './chaff-profile.ts';
import { DecodeFailure, decodePublishBody, isJsonContentType } from './decode.ts';
import { makePadding } from './padding.ts';
import { platformOf } from './platform.ts';
import { readBody, type RequestBody } from './request-body.ts';
import { renderAnswer, sendJson } from './respond.ts';
import { shippedProfile } from './shipped-profile.ts';
import { publishKeys, type PublishClient } from './wire.ts';

/** Where phones publish. */
export const publishPath = '/v1/publish';

/** What {@link PublishRoute} needs. */
export interface PublishRouteOptions {
  readonly client: PublishClient;
  readonly settings: Pick<GatewaySettings, 'maintenance' | 'padding' | 'bodyLimit' | 'retryAfterSeconds' | 'timeouts'>;
  readonly logger: Logger;
}

/** The route with the profile that its chaff follows. */
export class PublishRoute {
  readonly #options: PublishRouteOptions;
  readonly #profile = new ChaffProfile(shippedProfile);

  constructor(options: PublishRouteOptions) {
    this.#options = options;
  }

  /** Adds the route. */
  register(app: FastifyInstance): void {
    app.post(publishPath, async (request, reply) => await this.#handle(request, reply));
  }

  /** Answers any method but POST. */
  refuseMethod(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    request.routeLabel = 'publish';
    return this.#send(reply.header('allow', 'POST'), fixedAnswers.methodNotAllowed, false);
  }

  /** Answers what nobody foresaw. */
  fail(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    request.routeLabel = 'publish';
    return this.#send(reply, fixedAnswers.internal, false);
  }

  async #handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { settings } = this.#options;
    const pretends = isChaff(request.headers);
    request.routeLabel = pretends ? 'chaff' : 'publish';
    const body = await readBody(request.raw, settings.bodyLimit);
    if (body === undefined) return reply.hijack();
    if (settings.maintenance) return this.#send(reply, fixedAnswers.maintenance, body.isCut);
    const startedAt = performance.now();
    if (pretends) {
      const json = await chaffAnswer(this.#profile, settings.padding, startedAt);
      return sendJson(reply, 200, json, body.isCut);
    }
    const answer = await this.#publish(request, reply, body);
    if (answer === undefined) return reply.hijack();
    return this.#send(reply, answer, body.isCut, startedAt);
  }

  /** undefined when nobody waits for the answer any more. */
  async #publish(request: FastifyRequest, reply: FastifyReply, body: RequestBody): Promise<PublishAnswer | undefined> {
    const { client, settings, logger } = this.#options;
    if (!isJsonContentType(request.headers['content-type'])) {
      return undecodableAnswer(new DecodeFailure(415, 'content-type is not application/json'));
    }
    const decoded = decodePublishBody(body.bytes, body.isCut);
    if (decoded instanceof DecodeFailure) return undecodableAnswer(decoded);
    const signal = clientSignal(reply.raw);
    const sent = { body: decoded, platform: platformOf(request.headers['user-agent']) };
    try {
      return storedAnswer(await publishKeys(client, sent, { signal, timeoutMs: settings.timeouts.callMs }));
    } catch (err) {
      if (signal.aborted) return undefined;
      const answer = failureAnswer(err);
      const outcome = { route: 'publish', status: answer.status, code: answer.code };
      if (answer.status >= 500) logger.error({ ...outcome, err }, 'a publish failed');
      else logger.debug(outcome, 'a publish was refused');
      return answer;
    }
  }

  #send(reply: FastifyReply, answer: PublishAnswer, isCut: boolean, startedAt?: number): FastifyReply {
    const { settings } = this.#options;
    if (answer.status === 503) reply.header('retry-after', String(settings.retryAfterSeconds));
    const padding = makePadding(settings.padding);
    const json = renderAnswer(answer, padding);
    if (answer.status === 200 && startedAt !== undefined) {
      this.#profile.record({
        latencyMs: performance.now() - startedAt,
        contentBytes: Buffer.byteLength(json) - padding.length,
      });
    }
    return sendJson(reply, answer.status, json, isCut);
  }
}
