/** Body of a v1alpha1 publish → what the phone sent, or why it cannot be read (reference 1.6). */
import { decodeBody, emptyPublishBody, publishDeclarations, type DecodeFailure, type PublishBody } from './decode.ts';
import { declareMembers } from './json-members.ts';
import { strings } from './member-types.ts';

/** A v1alpha1 request: its regions are those of the keys, where the app may write there. */
export type V1Alpha1Body = PublishBody & Required<Pick<PublishBody, 'regions'>>;

/** What `POST /` may hold. */
export const v1Alpha1Members = declareMembers<V1Alpha1Body>('', {
  temporaryExposureKeys: publishDeclarations.temporaryExposureKeys,
  regions: strings(
    { description: "Regions of the keys, each one of the app's; all of the app's when there are none." },
    (body) => body.regions,
  ),
  appPackageName: publishDeclarations.healthAuthorityID,
  verificationPayload: publishDeclarations.verificationPayload,
  hmackey: publishDeclarations.hmacKey,
  symptomOnsetInterval: publishDeclarations.symptomOnsetInterval,
  revisionToken: publishDeclarations.revisionToken,
  padding: publishDeclarations.padding,
  platform: publishDeclarations.platform,
  deviceVerificationPayload: publishDeclarations.deviceVerificationPayload,
});

const v1Alpha1Type = {
  members: v1Alpha1Members,
  empty: (): V1Alpha1Body => ({ ...emptyPublishBody(), regions: [] }),
};

/**
 * Reads one JSON object by the rules of `decodePublishBody`. A person counts as a traveler when more than one region
 * is named.
 * @param bytes the body, or its first part
 * @param isCut there was more than `bytes`: what needs it is too large
 */
export function decodeV1Alpha1Body(bytes: Buffer, isCut = false): V1Alpha1Body | DecodeFailure {
  const body = decodeBody(v1Alpha1Type, bytes, isCut);
  if ('regions' in body) body.traveler = body.regions.length > 1;
  return body;
}
