/** Times and intervals as an explanation writes them. */
import { startOfInterval, type IntervalNumber } from '../../../domain/publish/interval.ts';

/** Latest time that a Date can hold, in seconds. */
const lastSecond = 8_640_000_000_000;

/** `2026-03-15T13:47:30Z`. */
export function tellTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Seconds since 1970, and what time that is. */
export function tellSeconds(seconds: number): string {
  const isTime = Math.abs(seconds) <= lastSecond;
  return isTime ? `${String(seconds)} (${tellTime(new Date(seconds * 1000))})` : String(seconds);
}

/** An interval's number, and when it begins. */
export function tellInterval(interval: IntervalNumber): string {
  return `${String(interval)} (${tellTime(startOfInterval(interval))})`;
}

/** `1 key`, `2 keys`. */
export function tellCount(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
