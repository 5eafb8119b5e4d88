/** The texts of the HMAC, written a second time straight from reference 3.4. */

/** A key as sent, numbers as in the JSON. */
export interface NaiveKey {
  readonly key: string;
  readonly start: bigint;
  readonly period: bigint;
  readonly risk: bigint;
}

/** The one or two texts that a certificate may be bound to. */
export function naiveHmacTexts(keys: readonly NaiveKey[]): string[] {
  const segments = keys.map((each) => ({
    name: [...Buffer.from(each.key)],
    four: [each.key, each.start, each.period, each.risk].join('.'),
    three: [each.key, each.start, each.period].join('.'),
  }));
  // Insertion sort by bytes: equal names keep their order.
  const sorted: typeof segments = [];
  for (const segment of segments) {
    let at = sorted.length;
    while (at > 0 && isBefore(segment.name, sorted[at - 1]!.name)) at--;
    sorted.splice(at, 0, segment);
  }
  const withRisk = sorted.map(({ four }) => four).join(',');
  if (!keys.every(({ risk }) => risk === 0n)) return [withRisk];
  return [withRisk, sorted.map(({ three }) => three).join(',')];
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (let at = 0; at < b.length; at++) {
    const [left, right] = [a[at], b[at]!];
    if (left === undefined || left < right) return true;
    if (left > right) return false;
  }
  return false;
}
