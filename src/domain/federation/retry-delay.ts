/** When an exchange that failed is tried again. */

const firstSeconds = 2;
const longestSeconds = 900;
/** Failures one after another that open the breaker. */
const breakerFailures = 5;

/**
 * Seconds to wait after so many failures one after another, at most 15 minutes: at random below a bound that doubles from
 * 2 s, so that partners which failed together do not come back together. With an open breaker, at least half of the bound.
 * @param random from 0 to below 1
 */
export function exchangeRetrySeconds(failures: number, random: number): number {
  const bound = Math.min(firstSeconds * 2 ** Math.max(0, failures - 1), longestSeconds);
  const least = isBreakerOpen(failures) ? bound / 2 : 0;
  return least + random * (bound - least);
}

/** With an open breaker a try is a probe: its first answer must come soon, or it ends there. */
export function isBreakerOpen(failures: number): boolean {
  return failures >= breakerFailures;
}
