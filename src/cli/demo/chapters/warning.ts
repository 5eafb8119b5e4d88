/** Phones of BB compare: one was near, the other was not. */
import { matchExposures, type Exposure } from '../../phone/match-exposures.ts';
import type { Sighting } from '../../phone/bluetooth.ts';
import { count } from '../../table.ts';
import type { Download } from '../downloads.ts';
import { scanMinutes } from '../encounter.ts';
import { failed } from '../failed.ts';
import type { Scene } from '../scene.ts';
import { day } from '../times.ts';
import type { Memories } from './meeting.ts';

/** @throws AppError `demo_failed` unless Ben, and nobody else, is warned of the day on which he met Anna */
export function compareOnPhones({ narrator }: Scene, file: Download, { anna, ben, clara }: Memories): void {
  narrator.begin("Ben's phone compares");
  const identifiers = file.keys.reduce((sum, { rollingPeriod }) => sum + rollingPeriod, 0);
  const derived = `${count(identifiers, 'identifier')} from ${count(file.keys.length, 'key')}`;
  narrator.say(`It derives ${derived} by HKDF and AES, and looks for those that it has heard.`);
  const [exposure, ...others] = matchExposures(file.keys, ben);
  if (exposure === undefined || others.length > 0) throw failed('Ben was not warned of one exposure');
  if (exposure.key.key.toString('base64') !== anna[0]?.key) throw failed('Ben was warned of the wrong day');
  narrator.warn(`Ben: ${describe(exposure)}`);
  narrator.begin("Clara's phone compares");
  compareNothing(file, clara);
  narrator.say('The same file, and no match: Clara is not warned.');
}

function compareNothing({ keys }: Download, sightings: readonly Sighting[]): void {
  if (matchExposures(keys, sightings).length > 0) throw failed('Clara was warned, who met nobody');
}

function describe({ sightings, attenuation }: Exposure): string {
  const [first] = sightings;
  const minutes = sightings.length * scanMinutes;
  const where = `${String(Math.round(attenuation))} dB of attenuation: close by`;
  return `you may have been exposed on ${first ? day(first.heardAt) : ''}, for ${count(minutes, 'minute')}, ${where}.`;
}
