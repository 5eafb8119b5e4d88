/** Yesterday: what phones said and heard, long before anybody knew. */
import { startOfInterval } from '../../../domain/publish/interval.ts';
import { dayStart, makeKeys, type PhoneKey } from '../../phone/exposure-keys.ts';
import type { Sighting } from '../../phone/bluetooth.ts';
import { count } from '../../table.ts';
import { listen, saidAt } from '../encounter.ts';
import type { Scene } from '../scene.ts';
import { dayAndTime, timeOfDay } from '../times.ts';

/** What stays on the phones. */
export interface Memories {
  /** Keys of Anna's phone, newest first. */
  readonly anna: readonly PhoneKey[];
  /** What Ben's and Clara's phones have heard. */
  readonly ben: readonly Sighting[];
  readonly clara: readonly Sighting[];
}

const hourMs = 3_600_000;
const minutes = 30;
/** A phone says something else after so many. */
const identifierMinutes = 10;

/** Anna and Ben sit together, Clara is elsewhere. */
export function meet({ io, narrator }: Scene): Memories {
  narrator.begin('Yesterday, on a train: phones meet');
  const now = io.clock.now();
  const from = new Date(startOfInterval(dayStart(now, 1)).getTime() + 14 * hourMs);
  const anna = makeKeys(now, { count: 14, today: false });
  const ben = listen({ from, minutes, near: [anna], strangers: 3 });
  const clara = listen({ from, minutes, near: [], strangers: 4 });
  narrator.say(
    `${dayAndTime(from)}: Anna (app of AA) and Ben (app of BB) sit together for ${count(minutes, 'minute')}.`,
  );
  narrator.say("Anna's phone broadcasts an identifier and encrypted metadata, others every ten minutes:");
  for (let minute = 0; minute < minutes; minute += identifierMinutes) {
    const time = new Date(from.getTime() + minute * 60_000);
    const { identifier, metadata } = saidAt(anna, time);
    narrator.tell(timeOfDay(time), `${identifier.toString('hex')} ${metadata.toString('hex')}`);
  }
  narrator.say(
    `Ben's phone notes ${count(ben.length, 'broadcast')}, of Anna and of strangers; it cannot tell who is who.`,
  );
  narrator.say(`Clara's phone (app of BB) is elsewhere and notes ${count(clara.length, 'broadcast')}.`);
  return { anna, ben, clara };
}
