/** What real publishes look like before a gateway has seen any. */
import type { ProfileSample } from './chaff-profile.ts';

/** Milliseconds in even steps of rank: gateway, server role and PostgreSQL on one busy machine of two cores. */
const latencies = [
  3.9, 4.4, 4.9, 5.5, 6, 6.3, 6.8, 7.3, 7.6, 7.9, 8.2, 8.4, 8.5, 8.7, 9, 9.1, 9.3, 9.6, 9.9, 10.4, 10.8, 11.2, 11.5,
  12.2, 12.8, 13.6, 14.6, 16.3, 18.4, 21.6, 29.7, 44.9,
];

/** An answer to fewer than ten keys, with a token of 28 entries; one to more keys has a digit more. */
const fewKeysBytes = 1183;

/** Measured with 1 to 14 keys; a gateway's own publishes take the place of these. */
export const shippedProfile: readonly ProfileSample[] = latencies.map((latencyMs, index) => ({
  latencyMs,
  contentBytes: fewKeysBytes + (index % 14 < 9 ? 0 : 1),
}));
