/** Answers phones that only pretend to publish, so that nobody on the wire can tell who really does (reference 1.10). */
import { randomInt } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { PaddingSettings } from '../settings.ts';
import type { ChaffProfile } from './chaff-profile.ts';
import { makePadding, randomText } from '../padding.ts';

/** `{"padding":""}` */
const emptyAnswerBytes = 14;
const drawSteps = 2 ** 32;

/** The header is there and not empty. */
export function isChaff(headers: IncomingHttpHeaders): boolean {
  const value = headers['x-chaff'];
  return value !== undefined && value.length > 0;
}

/**
 * Makes an answer of nothing but padding, as long as a real one with fresh padding of its own, and returns it
 * as late as a real one.
 * @param startedAt `performance.now()` when the request had arrived
 */
export async function chaffAnswer(profile: ChaffProfile, padding: PaddingSettings, startedAt: number): Promise<string> {
  const { latencyMs, contentBytes } = profile.draw(randomInt(drawSteps) / drawSteps);
  const bytes = contentBytes + makePadding(padding).length;
  const json = `{"padding":"${randomText(Math.max(0, bytes - emptyAnswerBytes))}"}`;
  await profile.waits.until(startedAt + latencyMs);
  return json;
}
