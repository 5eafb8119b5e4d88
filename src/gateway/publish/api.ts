/** The two forms of the publish: where each is answered, and how its bodies and answers are written. */
import { decodePublishBody, type DecodeFailure, type PublishBody } from '../../domain/publish-body/decode.ts';
import { decodeV1Alpha1Body } from '../../domain/publish-body/decode-v1alpha1.ts';
import type { PublishAnswer } from './answer.ts';
import type { ProfileSample } from './chaff-profile.ts';
import { renderAnswer, renderV1Alpha1Answer } from './respond.ts';
import { shippedProfile } from './shipped-profile.ts';

/** One of them. */
export interface PublishApi {
  readonly path: string;
  /** Response header `x-api-version`. */
  readonly version: string;
  /** As {@link decodePublishBody}. */
  decode(bytes: Buffer, isCut: boolean): PublishBody | DecodeFailure;
  /** The JSON of an answer. */
  render(answer: PublishAnswer, padding: string): string;
  /** What chaff follows until there are real publishes. */
  readonly shippedProfile: readonly ProfileSample[];
}

/** What phones of today send (reference 1.5). */
export const v1: PublishApi = {
  path: '/v1/publish',
  version: 'v1',
  decode: decodePublishBody,
  render: renderAnswer,
  shippedProfile,
};

/** `"error":"",`, which answers to the first apps always have. */
const emptyErrorBytes = 11;

/** What the first apps sent (reference 1.6); answered only where it is switched on. */
export const v1alpha1: PublishApi = {
  path: '/',
  version: 'v1alpha',
  decode: decodeV1Alpha1Body,
  render: renderV1Alpha1Answer,
  shippedProfile: shippedProfile.map(({ latencyMs, contentBytes }) => ({
    latencyMs,
    contentBytes: contentBytes + emptyErrorBytes,
  })),
};
