/** Statistics over samples: are two of them from one distribution? */

/** Kolmogorov–Smirnov: the largest distance of the two empirical distribution functions, 0 to 1. */
export function kolmogorovSmirnov(a: readonly number[], b: readonly number[]): number {
  const below = (sample: readonly number[], value: number): number =>
    sample.filter((each) => each <= value).length / sample.length;
  return Math.max(...[...new Set([...a, ...b])].map((value) => Math.abs(below(a, value) - below(b, value))));
}

/** Distance that two samples of one distribution exceed with probability 0.0001 (asymptotic). */
export function criticalDistance(a: number, b: number): number {
  return Math.sqrt(-Math.log(0.000_05) / 2) * Math.sqrt((a + b) / (a * b));
}

/** A generator of 32-bit numbers from a seed (mulberry32): the same in every run. */
export function seededBelow(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
  };
}
