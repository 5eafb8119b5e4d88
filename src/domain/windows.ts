/** Windows of time, as keys are published in and files cover; the database's `window_start` counts alike. */

/** Seconds from 0001-01-01T00:00:00Z, where windows are counted from, to 1970-01-01T00:00:00Z (reference 3.1, 4.1). */
const secondsFromYearOne = 62_135_596_800;

/** Start of the window of `windowSeconds` that a time lies in, counted from year 1; 0 or less changes nothing (reference 3.1, 4.1). */
export function windowStart(time: Date, windowSeconds: number): Date {
  if (windowSeconds <= 0) return time;
  const seconds = Math.floor(time.getTime() / 1000) + secondsFromYearOne;
  return new Date((Math.floor(seconds / windowSeconds) * windowSeconds - secondsFromYearOne) * 1000);
}

/** `seconds` later, or earlier when negative. */
export function addSeconds(time: Date, seconds: number): Date {
  return new Date(time.getTime() + seconds * 1000);
}
