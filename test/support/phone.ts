/** Acts as a phone and as the health authority that certifies it, with none of the product's code. */
import { createHmac, createPrivateKey, randomBytes, sign, type KeyObject } from 'node:crypto';

/** One key as a phone sends it. */
export interface PhoneKey {
  key: string;
  rollingStartNumber: number;
  rollingPeriod: number;
  transmissionRisk?: number;
}

/** The JSON object that a phone POSTs to `/v1/publish`. */
export interface PublishBody {
  healthAuthorityID: string;
  temporaryExposureKeys: PhoneKey[];
  verificationPayload: string;
  hmacKey: string;
  symptomOnsetInterval?: number;
  traveler?: boolean;
  revisionToken?: string;
  padding?: string;
  platform?: string;
  deviceVerificationPayload?: string;
}

/** Whom the phone's certificates come from, and its app. */
export interface PhoneIdentity {
  issuer: string;
  audience: string;
  kid: string;
  /** P-256, as a KeyObject or PEM. */
  privateKey: KeyObject | string;
  appId: string;
}

/** What one publish says. */
export interface PublishOptions {
  /** The present, for `iat`, `exp` and made keys. */
  now: Date;
  /** Default: three full days, the last of which ended at the last UTC midnight. */
  keys?: PhoneKey[];
  /** Default `confirmed`. */
  reportType?: string;
  symptomOnsetInterval?: number;
  traveler?: boolean;
  revisionToken?: string;
  /** Merged over the certificate's claims; undefined removes one. */
  claims?: Record<string, unknown>;
  /** Merged over the certificate's header; undefined removes a member. */
  header?: Record<string, unknown>;
}

/** A phone of one app. */
export interface Phone extends PhoneIdentity {
  publishBody(options: PublishOptions): PublishBody;
  certificate(options: PublishOptions & { tekmac: string }): string;
}

/** Makes a phone whose certificates are signed with the identity's key. */
export function makePhone(identity: PhoneIdentity): Phone {
  const certificate = (options: PublishOptions & { tekmac: string }) => makeCertificate(identity, options);
  const publishBody = (options: PublishOptions): PublishBody => {
    const keys = options.keys ?? makeKeys(options.now, 3);
    const hmacKey = randomBytes(16);
    const tekmac = createHmac('sha256', hmacKey).update(hmacText(keys)).digest('base64');
    return {
      healthAuthorityID: identity.appId,
      temporaryExposureKeys: keys,
      verificationPayload: certificate({ ...options, tekmac }),
      hmacKey: hmacKey.toString('base64'),
      ...pick(options, 'symptomOnsetInterval', 'traveler', 'revisionToken'),
    };
  };
  return { ...identity, certificate, publishBody };
}

/** Random keys of full UTC days, oldest first; the last one ended at the last UTC midnight. */
export function makeKeys(now: Date, count: number): PhoneKey[] {
  const midnight = Math.floor(now.getTime() / 86_400_000) * 144;
  return Array.from({ length: count }, (_, index) => ({
    key: randomBytes(16).toString('base64'),
    rollingStartNumber: midnight - (count - index) * 144,
    rollingPeriod: 144,
  }));
}

/** The text that the certificate's `tekmac` covers, with all four fields of each key (reference 3.4). */
export function hmacText(keys: readonly PhoneKey[]): string {
  return keys
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    .map((k) => [k.key, k.rollingStartNumber, k.rollingPeriod, k.transmissionRisk ?? 0].join('.'))
    .join(',');
}

function makeCertificate(identity: PhoneIdentity, options: PublishOptions & { tekmac: string }): string {
  const iat = Math.floor(options.now.getTime() / 1000);
  const header = { alg: 'ES256', typ: 'JWT', kid: identity.kid, ...options.header };
  const claims = {
    iss: identity.issuer,
    aud: identity.audience,
    iat,
    exp: iat + 900,
    reportType: options.reportType ?? 'confirmed',
    tekmac: options.tekmac,
    ...options.claims,
  };
  const input = `${segment(header)}.${segment(claims)}`;
  const key = typeof identity.privateKey === 'string' ? createPrivateKey(identity.privateKey) : identity.privateKey;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function pick<T extends object, K extends keyof T>(from: T, ...names: K[]): Pick<T, K> {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]])) as Pick<
    T,
    K
  >;
}
