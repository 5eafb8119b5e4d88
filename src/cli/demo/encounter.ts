/** A meeting of phones as Bluetooth sees it: who says what, and who hears it. */
import { randomInt } from 'node:crypto';
import { broadcastAt, type Broadcast, type Sighting } from '../phone/bluetooth.ts';
import { makeKeys, type PhoneKey } from '../phone/exposure-keys.ts';

/** Minutes between two looks at what is in the air. */
export const scanMinutes = 5;

const minuteMs = 60_000;
/** Of a phone, dBm. */
const txPower = -12;
/** What reaches a phone in the same row of seats, and one further away, dBm; it varies by so much. */
const nearRssi = -60;
const farRssi = -88;
const rssiSpread = 6;

/** Somewhere, at some time. */
export interface Place {
  readonly from: Date;
  readonly minutes: number;
  /** Keys of each phone that is near. */
  readonly near: readonly (readonly PhoneKey[])[];
  /** How many more phones are further away, of people whom nobody knows. */
  readonly strangers: number;
}

/** Everything that one phone hears there. */
export function listen({ from, minutes, near, strangers }: Place): readonly Sighting[] {
  const far = Array.from({ length: strangers }, () => makeKeys(from, { count: 1, today: true }));
  const scans = Array.from(
    { length: Math.floor(minutes / scanMinutes) },
    (_, index) => new Date(from.getTime() + index * scanMinutes * minuteMs),
  );
  return scans.flatMap((heardAt) => [
    ...near.map((keys) => hear(keys, heardAt, nearRssi)),
    ...far.map((keys) => hear(keys, heardAt, farRssi)),
  ]);
}

/** What a phone with these keys says at a time. */
export function saidAt(keys: readonly PhoneKey[], time: Date): Broadcast {
  return broadcastAt(keys, time, txPower);
}

function hear(keys: readonly PhoneKey[], heardAt: Date, rssi: number): Sighting {
  return { ...saidAt(keys, heardAt), heardAt, rssi: rssi + randomInt(-rssiSpread, rssiSpread + 1) };
}
