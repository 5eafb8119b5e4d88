/** Publish bodies as phones send them, each with keys, secret and certificate of its own. */
import { createHmac, randomBytes, sign, type KeyObject } from 'node:crypto';
import { sample } from './installation.ts';

/** Intervals of 10 minutes a day. */
const intervalsPerDay = 144;

/** One request body with full-day keys that ended before today. */
export function publishBody(authorityKey: KeyObject, now: Date, keyCount = 14): string {
  const today = Math.floor(now.getTime() / 86_400_000) * intervalsPerDay;
  const keys = Array.from({ length: keyCount }, (_, day) => ({
    key: randomBytes(16).toString('base64'),
    rollingStartNumber: today - (day + 1) * intervalsPerDay,
    rollingPeriod: intervalsPerDay,
    transmissionRisk: 0,
  }));
  const secret = randomBytes(16);
  const text = keys
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, rollingStartNumber, rollingPeriod }) => `${key}.${rollingStartNumber}.${rollingPeriod}.0`)
    .join(',');
  const seconds = Math.floor(now.getTime() / 1000);
  return JSON.stringify({
    temporaryExposureKeys: keys,
    healthAuthorityID: sample.appId,
    hmacKey: secret.toString('base64'),
    verificationPayload: certificate(authorityKey, {
      iss: sample.issuer,
      aud: sample.audience,
      iat: seconds,
      exp: seconds + 3600,
      reportType: 'confirmed',
      tekmac: createHmac('sha256', secret).update(text).digest('base64'),
    }),
    padding: randomBytes(384).toString('base64'),
  });
}

function certificate(key: KeyObject, claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'ES256', kid: sample.kid, typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
