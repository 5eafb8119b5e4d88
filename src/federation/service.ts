/** FederationService, which partners on Enmesh call: each call is let in first, then does its part. */
import type { CallContext } from 'nice-grpc';
import type * as proto from '../gen/enmesh/federation/v1/federation.ts';
import { notePartnerContact } from '../storage/partners/partner-contacts.ts';
import type { AuthenticatedPartner } from './auth/caller.ts';
import { admitPartner } from './auth/service.ts';
import { receivePush, type ReceiveDeps } from './push/receive-service.ts';
import { answerHandshake } from './serve/handshake-service.ts';
import type { ServeDeps } from './serve/settings.ts';
import { subscribe } from './serve/subscribe.ts';
import { toSubscribeResponse, toSubscription } from './serve/subscribe-wire.ts';

/** What the service needs. */
export interface FederationServiceDeps {
  readonly serving: ServeDeps;
  readonly receiving: ReceiveDeps;
  /** Ends streams. */
  readonly stopping: AbortSignal;
}

/** How often a stream notes in the database that the partner reads. */
const noteEveryMs = 60_000;

/** Implements the contract. */
export function createFederationService(deps: FederationServiceDeps): proto.FederationServiceImplementation {
  return {
    handshake: async (request, context) => {
      const { partner } = await admit(deps, context);
      return await answerHandshake(deps.serving, partner, request);
    },
    subscribe: (request, context) => serveSubscription(deps, request, context),
    push: (requests, context) => takePush(deps, requests, context),
  };
}

async function admit({ serving }: FederationServiceDeps, context: CallContext): Promise<AuthenticatedPartner> {
  return await admitPartner(serving.authenticator, context, {
    needsNonce: true,
    takeTurn: (partnerId) => serving.limits.call(partnerId, context.signal),
  });
}

async function* serveSubscription(
  deps: FederationServiceDeps,
  request: proto.SubscribeRequest,
  context: CallContext,
): AsyncGenerator<proto.SubscribeResponse> {
  const { serving } = deps;
  const admission = await admit(deps, context);
  const { id } = admission.partner;
  const stream = serving.limits.stream(id);
  try {
    const signal = AbortSignal.any([context.signal, deps.stopping]);
    let notedAt = -Infinity;
    for await (const response of subscribe(serving, admission, { ...toSubscription(request), signal })) {
      yield toSubscribeResponse(response);
      if (performance.now() - notedAt < noteEveryMs) continue;
      notedAt = performance.now();
      await notePartnerContact(serving.database, id, { contact: 'read', clock: serving.clock });
    }
  } finally {
    stream[Symbol.dispose]();
  }
}

async function* takePush(
  deps: FederationServiceDeps,
  requests: AsyncIterable<proto.PushRequest>,
  context: CallContext,
): AsyncGenerator<proto.PushResponse> {
  const admission = await admit(deps, context);
  const stream = deps.serving.limits.stream(admission.partner.id);
  try {
    const signal = AbortSignal.any([context.signal, deps.stopping]);
    yield* receivePush(deps.receiving, admission, requests, signal);
  } finally {
    stream[Symbol.dispose]();
  }
}
