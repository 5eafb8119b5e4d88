/** Between a publish as the gateway knows it and the RPC of the server role. */
import type { PublishBody } from '../../domain/publish-body/decode.ts';
import type { Platform } from '../../domain/publish/statistics.ts';
import {
  Platform as WirePlatform,
  type PublishRequest,
  type PublishResponse,
  type PublishServiceClient,
} from '../../gen/enmesh/publish/v1/publish.ts';
import type { CallLimits } from '../../platform/grpc/client-calls.ts';
import type { StoredKeys } from './answer.ts';

/** The server role, as the gateway calls it. */
export type PublishClient = PublishServiceClient<CallLimits>;

const wirePlatform: Readonly<Record<Platform, WirePlatform>> = {
  android: WirePlatform.ANDROID,
  ios: WirePlatform.IOS,
  unknown: WirePlatform.UNSPECIFIED,
};

/**
 * Stores keys through the server role.
 * @throws AppError that role's refusal or failure; an AbortError when `signal` is aborted
 */
export async function publishKeys(
  client: PublishClient,
  sent: { readonly body: PublishBody; readonly platform: Platform },
  limits: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<StoredKeys> {
  return toStoredKeys(await client.publish(toPublishRequest(sent.body, sent.platform), limits));
}

function toPublishRequest(
  { platform: attestationPlatform, regions = [], ...body }: PublishBody,
  platform: Platform,
): PublishRequest {
  return { ...body, attestationPlatform, platform: wirePlatform[platform], regions };
}

function toStoredKeys(response: PublishResponse): StoredKeys {
  const { revisionToken, insertedExposures, warnings, partialFailure } = response;
  return { revisionToken, insertedExposures, warnings, partialFailure };
}
