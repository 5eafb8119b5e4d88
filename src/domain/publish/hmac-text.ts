/** The texts under the HMAC that binds a certificate to its keys (reference 3.4). */
import type { SentKey } from './request.ts';

/** Positions of the keys, ascending by the bytes of the key strings; equal strings stay in the request's order. */
export function hmacOrder(keys: readonly SentKey[]): number[] {
  const compare = keys.every(({ key }) => isAscii(key)) ? compareAscii : compareUtf8;
  return keys.map((_, index) => index).sort((a, b) => compare(keys[a]?.key ?? '', keys[b]?.key ?? ''));
}

/**
 * Every text that the HMAC may have been made of: with the transmission risk and, when no key has one, also without.
 * @param order what {@link hmacOrder} returns
 */
export function hmacTexts(keys: readonly SentKey[], order: readonly number[] = hmacOrder(keys)): readonly string[] {
  const withRisk: string[] = [];
  const plain: string[] = [];
  let hasRisk = false;
  for (const index of order) {
    const sent = keys[index];
    if (sent === undefined) continue;
    const text = withoutRisk(sent);
    plain.push(text);
    withRisk.push(`${text}.${String(sent.transmissionRisk)}`);
    hasRisk ||= sent.transmissionRisk !== 0n;
  }
  return hasRisk ? [withRisk.join(',')] : [withRisk.join(','), plain.join(',')];
}

function withoutRisk({ key, rollingStartNumber, rollingPeriod }: SentKey): string {
  return `${key}.${String(rollingStartNumber)}.${String(rollingPeriod)}`;
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

function compareAscii(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** JavaScript orders by UTF-16 units, which differs from the order of bytes beyond U+FFFF. */
function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
