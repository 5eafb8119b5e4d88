/** When a file that could not be imported is tried again, and when it is given up. */

const firstSeconds = 60;
const longestSeconds = 6 * 3600;
/** The pauses add up to four days: a weekend's outage, and a day to see to it. */
const mostAttempts = 24;

/** Seconds to wait after so many failed tries: doubles from a minute to six hours, as deployed importers wait; null = given up. */
export function importRetrySeconds(attempts: number): number | null {
  return attempts >= mostAttempts ? null : Math.min(firstSeconds * 2 ** Math.max(0, attempts - 1), longestSeconds);
}
