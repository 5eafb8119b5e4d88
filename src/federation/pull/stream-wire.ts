/** Subscribe as its client: the call, and what it answers as domain types. The partner may be hostile. */
import { AppError } from '../../domain/errors.ts';
import type { PullRule } from '../../domain/configuration/configuration.ts';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import { FederationServiceDefinition, type SubscribeResponse } from '../../gen/enmesh/federation/v1/federation.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { openPartnerClient, type PartnerChannelDeps } from '../auth/partner-channel.ts';
import { badAnswer } from '../exchange/fault.ts';
import { fromKeyBatch, mostBatchKeys } from '../wire.ts';
import type { Delivery } from './store.ts';

/** Longest cursor (federation.proto). */
const mostCursorBytes = 128;

/** A connection to subscribe over. */
export interface Subscriptions extends Disposable {
  /** @param cursor null = from the beginning */
  subscribe(rule: PullRule, cursor: Buffer | null, signal: AbortSignal): AsyncIterable<Delivery>;
}

/** Opens it. @throws AppError as `openPartnerClient` */
export function openSubscriptions(partner: KnownPartner, channel: PartnerChannelDeps): Subscriptions {
  const { client, close } = openPartnerClient(FederationServiceDefinition, partner, channel);
  return {
    subscribe: ({ regions, excludeRegions, onlyTravelers }, cursor, signal) =>
      deliveries(
        client.subscribe(
          {
            regions: [...regions],
            excludeRegions: [...excludeRegions],
            onlyTravelers,
            cursor: cursor ?? Buffer.alloc(0),
            maxBatchKeys: mostBatchKeys,
          },
          { signal },
        ),
      ),
    [Symbol.dispose]: close,
  };
}

async function* deliveries(responses: AsyncIterable<SubscribeResponse>): AsyncGenerator<Delivery> {
  for await (const response of responses) yield toDelivery(response);
}

/**
 * What one response says.
 * @throws AppError invalid `bad_partner_answer`
 */
export function toDelivery({ batch, cursor, caughtUpThrough, pendingKeys }: SubscribeResponse): Delivery {
  if (cursor.length === 0 || cursor.length > mostCursorBytes) throw badAnswer('its cursor has no length that one has');
  if (caughtUpThrough !== undefined && !(caughtUpThrough.getTime() >= 0)) throw badAnswer('a time is none');
  return {
    keys: batch === undefined ? [] : keysOf(() => fromKeyBatch(batch)),
    cursor,
    caughtUpThrough: caughtUpThrough ?? null,
    // Told to operators, and nothing else.
    pendingKeys: Number(pendingKeys > mostPending ? mostPending : pendingKeys),
  };
}

const mostPending = BigInt(Number.MAX_SAFE_INTEGER);

function keysOf(read: () => readonly SentKey[]): readonly SentKey[] {
  try {
    return read();
  } catch (error) {
    throw badAnswer(error instanceof AppError ? error.message : 'its keys cannot be read', error);
  }
}
