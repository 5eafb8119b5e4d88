/** The publish: read, decode, hand to the server role, answer. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../platform/logger.ts';
import { admit } from '../admission.ts';
import { clientSignal } from '../client-signal.ts';
import type { GatewaySettings } from '../settings.ts';
import { failureAnswer, fixedAnswers, storedAnswer, undecodableAnswer, type PublishAnswer } from './answer.ts';
import { chaffAnswer, isChaff } from './chaff.ts';
import { ChaffProfile } from './chaff-profile.ts';
import { DecodeFailure, isJsonContentType } from '../../domain/publish-body/decode.ts';
import { makePadding } from '../padding.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { PublishApi } from './api.ts';
import { platformOf } from './platform.ts';
import type { RequestBody } from '../request-body.ts';
import { sendJson } from '../json-answer.ts';
import { publishKeys, type PublishClient } from './wire.ts';

/** What {@link PublishRoute} needs. */
export interface PublishRouteOptions {
  readonly client: PublishClient;
  readonly settings: Pick<GatewaySettings, 'maintenance' | 'padding' | 'bodyLimit' | 'retryAfterSeconds' | 'timeouts'>;
  readonly logger: Logger;
  readonly rateLimit: RateLimit;
  readonly api: PublishApi;
}

/** When a publish arrived (`performance.now()`), and what it met. */
interface Began {
  readonly startedAt: number;
  readonly load: number;
}

/** The route with the profile that its chaff follows. */
export class PublishRoute {
  readonly #options: PublishRouteOptions;
  readonly #profile: ChaffProfile;

  constructor(options: PublishRouteOptions) {
    this.#options = options;
    this.#profile = new ChaffProfile(options.api.shippedProfile);
  }

  /** Where it is answered. */
  get path(): string {
    return this.#options.api.path;
  }

  /** Adds the route. */
  register(app: FastifyInstance): void {
    app.post(this.path, async (request, reply) => await this.#handle(request, reply));
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
    const admission = await admit(request, reply, this.#options);
    if (admission === undefined) return reply.hijack();
    const { body, refusal } = admission;
    if (refusal !== undefined) return this.#send(reply, refusal, body.isCut);
    const startedAt = performance.now();
    if (pretends) {
      const json = await chaffAnswer(this.#profile, settings.padding, startedAt);
      return this.#sendJson(reply, 200, json, body.isCut);
    }
    const load = this.#profile.begin();
    const answer = await this.#publish(request, reply, body).finally(() => this.#profile.end());
    if (answer === undefined) return reply.hijack();
    return this.#send(reply, answer, body.isCut, { startedAt, load });
  }

  /** undefined when nobody waits for the answer any more. */
  async #publish(request: FastifyRequest, reply: FastifyReply, body: RequestBody): Promise<PublishAnswer | undefined> {
    const { api, client, settings, logger } = this.#options;
    if (!isJsonContentType(request.headers['content-type'])) {
      return undecodableAnswer(new DecodeFailure(415, 'content-type is not application/json'));
    }
    const decoded = api.decode(body.bytes, body.isCut);
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

  #send(reply: FastifyReply, answer: PublishAnswer, isCut: boolean, began?: Began): FastifyReply {
    const { api, settings } = this.#options;
    if (answer.status === 503) reply.header('retry-after', String(settings.retryAfterSeconds));
    const padding = makePadding(settings.padding);
    const json = api.render(answer, padding);
    if (answer.status === 200 && began !== undefined) {
      this.#profile.record({
        latencyMs: performance.now() - began.startedAt,
        contentBytes: Buffer.byteLength(json) - padding.length,
        load: began.load,
      });
    }
    return this.#sendJson(reply, answer.status, json, isCut);
  }

  #sendJson(reply: FastifyReply, status: number, json: string, isCut: boolean): FastifyReply {
    return sendJson(reply.header('x-api-version', this.#options.api.version), status, json, isCut);
  }
}
