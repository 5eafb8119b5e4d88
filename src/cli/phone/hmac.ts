/** The MAC that binds a certificate to its keys, as a phone computes it (reference 3.4). */
import { createHmac } from 'node:crypto';
import type { PhoneKey } from './exposure-keys.ts';

/** Fields of a key in the text: 4 with the transmission risk, 3 without it, which counts only when no key has one. */
export type HmacFields = 3 | 4;

/** The canonical text: `key.start.period.risk` of each key, sorted by the bytes of the key as sent, joined by commas. */
export function canonicalText(keys: readonly PhoneKey[], fields: HmacFields = 4): string {
  return keys
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    .map((key) => keyText(key, fields))
    .join(',');
}

/** HMAC-SHA256 of a text, standard base64: the certificate's `tekmac`. */
export function macOf(text: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(text, 'utf8').digest('base64');
}

function keyText({ key, ...numbers }: PhoneKey, fields: HmacFields): string {
  const all = [key, numbers.rollingStartNumber, numbers.rollingPeriod, numbers.transmissionRisk ?? 0];
  return all.slice(0, fields).join('.');
}
