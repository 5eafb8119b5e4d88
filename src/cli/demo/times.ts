/** Times as the story tells them. */
import { formatTime } from '../table.ts';

/** `2026-03-14 14:00 UTC`. */
export function dayAndTime(time: Date): string {
  return `${day(time)} ${timeOfDay(time)} UTC`;
}

/** `2026-03-14`. */
export function day(time: Date): string {
  return formatTime(time).slice(0, 10);
}

/** `14:00`. */
export function timeOfDay(time: Date): string {
  return formatTime(time).slice(11, 16);
}
