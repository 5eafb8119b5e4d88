/** The two-sample Kolmogorov–Smirnov test: how far apart two distributions are, and how often chance alone does that. */

/** What a comparison says. */
export interface Comparison {
  /** D: the largest difference between the two empirical distribution functions, 0 to 1. */
  readonly distance: number;
  /** How likely a distance as large is when both samples come from one distribution (asymptotic; ties make it larger). */
  readonly pValue: number;
}

/** Compares two samples of at least one value each. */
export function compareSamples(left: readonly number[], right: readonly number[]): Comparison {
  const a = Float64Array.from(left).sort();
  const b = Float64Array.from(right).sort();
  let distance = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const value = Math.min(a[i]!, b[j]!);
    while (a[i] === value) i++;
    while (b[j] === value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  const size = Math.sqrt((a.length * b.length) / (a.length + b.length));
  return { distance, pValue: survival((size + 0.12 + 0.11 / size) * distance) };
}

/** Q of the Kolmogorov distribution, with Stephens' correction in its argument; the alternating sum converges fast. */
function survival(lambda: number): number {
  if (lambda < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * lambda * lambda);
  return Math.min(1, Math.max(0, sum));
}
