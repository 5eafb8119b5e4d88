/** The body of a publish as a phone makes it: keys, certificate over them, and all else that the person decides. */
import { randomBytes, randomInt } from 'node:crypto';
import { signCertificate, type ReportType } from './certificate.ts';
import type { PhoneKey } from './exposure-keys.ts';
import { canonicalText, macOf, type HmacFields } from './hmac.ts';
import type { Phone } from './phone-file.ts';

/** Who is told of the day of symptom onset. */
export const onsetPlaces = ['both', 'request', 'certificate'] as const;

/** One of {@link onsetPlaces}. */
export type OnsetPlace = (typeof onsetPlaces)[number];

/** Systems that a phone may run on. */
export const platforms = ['android', 'ios'] as const;

/** One of {@link platforms}. */
export type Platform = (typeof platforms)[number];

/** What the person and the phone decide. */
export interface PublishContent {
  readonly keys: readonly PhoneKey[];
  readonly reportType: ReportType;
  readonly onset: { readonly interval: number; readonly place: OnsetPlace } | undefined;
  readonly traveler: boolean;
  /** Empty = none. */
  readonly revisionToken: string;
  readonly hmacFields: HmacFields;
  /** Regions of a v1alpha1 publish; undefined = a publish of today. */
  readonly regions: readonly string[] | undefined;
  readonly attestation: { readonly platform: Platform; readonly payload: string } | undefined;
  /** Random bytes; undefined = a random number of them. */
  readonly paddingBytes: number | undefined;
}

/** JSON body of a publish (reference 1.5, 1.6). */
export type PublishBody = Readonly<Record<string, unknown>> & {
  readonly temporaryExposureKeys: readonly PhoneKey[];
  readonly verificationPayload: string;
};

/** Makes the HMAC secret, has the certificate signed over it and the keys, and puts the body together. */
export function makePublishBody(phone: Phone, content: PublishContent, now: Date): PublishBody {
  const secret = randomBytes(32);
  const { keys, onset, revisionToken, attestation, regions } = content;
  const padding = randomBytes(content.paddingBytes ?? randomInt(1024, 2048)).toString('base64');
  const hmacKey = secret.toString('base64');
  const own =
    regions === undefined
      ? { healthAuthorityID: phone.appId, hmacKey, traveler: content.traveler }
      : { appPackageName: phone.appId, hmackey: hmacKey, regions };
  return {
    temporaryExposureKeys: keys,
    ...own,
    verificationPayload: certify(phone, content, { secret, now }),
    ...(onset && onset.place !== 'certificate' ? { symptomOnsetInterval: onset.interval } : {}),
    ...(revisionToken === '' ? {} : { revisionToken }),
    ...(attestation ? { platform: attestation.platform, deviceVerificationPayload: attestation.payload } : {}),
    padding,
  };
}

/** The same in shape and size, but with a payload that nobody signed: what a phone sends to hide when it really publishes. */
export function makeChaffBody(phone: Phone, content: PublishContent, now: Date): PublishBody {
  const body = makePublishBody(phone, content, now);
  const noise = randomBytes(body.verificationPayload.length).toString('base64url');
  return { ...body, verificationPayload: noise.slice(0, body.verificationPayload.length) };
}

function certify(
  phone: Phone,
  { keys, reportType, hmacFields, onset }: PublishContent,
  { secret, now }: { readonly secret: Uint8Array; readonly now: Date },
): string {
  const claims = {
    issuer: phone.issuer,
    audience: phone.audience,
    reportType,
    tekmac: macOf(canonicalText(keys, hmacFields), secret),
    ...(onset && onset.place !== 'request' ? { symptomOnsetInterval: onset.interval } : {}),
  };
  return signCertificate(claims, phone, now);
}
