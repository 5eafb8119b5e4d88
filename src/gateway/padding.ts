/** Random text that hides how long an answer really is (reference 1.8). */
import { randomBytes, randomInt } from 'node:crypto';
import type { PaddingSettings } from './settings.ts';

/** Standard base64 of as many random bytes as the settings allow, all numbers equally likely. */
export function makePadding({ minBytes, range }: PaddingSettings): string {
  return randomBytes(minBytes + randomInt(range)).toString('base64');
}

/** Random base64 characters, exactly so many. */
export function randomText(length: number): string {
  return randomBytes(Math.ceil((length * 3) / 4))
    .toString('base64')
    .slice(0, length);
}
