/** What phones say to each other over Bluetooth, and what one keeps of what it hears. */
import { intervalOf } from '../../domain/publish/interval.ts';
import type { PhoneKey } from './exposure-keys.ts';
import { cryptMetadata, identifiersOf } from './proximity-identifiers.ts';

/** What is in the air: nobody can tell whose it is without the key. */
export interface Broadcast {
  /** Rolling proximity identifier, 16 bytes; another one every ten minutes. */
  readonly identifier: Buffer;
  /** Version and transmit power, 4 bytes, encrypted. */
  readonly metadata: Buffer;
}

/** What a phone keeps of a broadcast that it heard. It never leaves the phone. */
export interface Sighting extends Broadcast {
  readonly heardAt: Date;
  /** Received signal strength, dBm. */
  readonly rssi: number;
}

/** Version 1.0: major in bits 7 and 6, minor in 5 and 4 ("Exposure Notification Bluetooth Specification" v1.2). */
const version = 0x40;

/**
 * What a phone says at a time.
 * @param keys of the phone; one of them is in use at that time
 * @param txPower transmit power, dBm
 */
export function broadcastAt(keys: readonly PhoneKey[], time: Date, txPower: number): Broadcast {
  const interval = intervalOf(time);
  const key = keys.find(
    ({ rollingStartNumber: start, rollingPeriod }) => start <= interval && interval < start + rollingPeriod,
  );
  if (key === undefined) throw new RangeError('the phone has no key for that time');
  const tek = Buffer.from(key.key, 'base64');
  const identifier = identifiersOf(tek, interval, 1);
  const metadata = Buffer.alloc(4);
  metadata.writeUInt8(version, 0);
  metadata.writeInt8(txPower, 1);
  return { identifier, metadata: cryptMetadata(tek, identifier, metadata) };
}

/** Transmit power in dBm, for whoever has the key. */
export function txPowerOf(tek: Uint8Array, { identifier, metadata }: Broadcast): number {
  return cryptMetadata(tek, identifier, metadata).readInt8(1);
}
