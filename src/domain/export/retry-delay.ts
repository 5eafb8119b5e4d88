/** When a failed batch is tried again. */

const FIRST_SECONDS = 5;
const LONGEST_SECONDS = 900;

/** Seconds to wait after so many failed attempts: doubles from 5 s to 15 min. */
export function retryDelaySeconds(attempts: number): number {
  return Math.min(FIRST_SECONDS * 2 ** Math.max(0, attempts - 1), LONGEST_SECONDS);
}
