/** When a failed batch is tried again. */

const firstSeconds = 5;
const longestSeconds = 900;

/** Seconds to wait after so many failed attempts: doubles from 5 s to 15 min. */
export function retryDelaySeconds(attempts: number): number {
  return Math.min(firstSeconds * 2 ** Math.max(0, attempts - 1), longestSeconds);
}
