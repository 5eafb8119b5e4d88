/** How many generated keys hide how few real ones there are. */

/** What decides a batch's size after padding. */
export interface PaddingRule {
  readonly minRecords: number;
  /** The random part is uniform in 0..paddingRange, both included. */
  readonly paddingRange: number;
  /** Most keys in one file: padding never makes a second one. */
  readonly maxRecords: number;
}

/**
 * Size that a batch with real keys has at least. Independent of the real number, so that nothing leaks.
 *
 * @param randomBelow uniform integer in 0..limit-1, from a cryptographic source
 */
export function paddingTarget(rule: PaddingRule, randomBelow: (limit: number) => number): number {
  const target = rule.minRecords + randomBelow(rule.paddingRange + 1);
  return Math.min(target, rule.maxRecords);
}

/** Keys to generate. `present` counts real keys and padding that is there already. */
export function paddingAmount(present: number, target: number): number {
  return Math.max(present, target) - present;
}
