/** Between the messages of Subscribe and what they mean. */
import type * as proto from '../../gen/enmesh/federation/v1/federation.ts';
import { mostBatchKeys, toKeyBatch } from '../wire.ts';
import type { Subscription, SubscriptionResponse } from './subscribe.ts';

/** What is asked for. */
export function toSubscription(request: proto.SubscribeRequest): Subscription {
  return {
    asked: {
      regions: request.regions,
      excludeRegions: request.excludeRegions,
      onlyLocal: request.onlyLocal,
      onlyTravelers: request.onlyTravelers,
    },
    cursor: request.cursor,
    follow: request.follow,
    batchKeys: Math.min(request.maxBatchKeys || mostBatchKeys, mostBatchKeys),
  };
}

/** One message of the stream. */
export function toSubscribeResponse(response: SubscriptionResponse): proto.SubscribeResponse {
  return {
    batch: response.keys.length === 0 ? undefined : toKeyBatch(response.keys),
    cursor: response.cursor,
    caughtUpThrough: response.caughtUpThrough ?? undefined,
    pendingKeys: BigInt(response.pendingKeys),
  };
}
