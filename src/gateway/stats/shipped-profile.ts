/** What real answers with statistics look like. */
import type { ProfileSample } from '../publish/chaff-profile.ts';

/** Milliseconds in even steps of rank: all roles and PostgreSQL on one machine of two cores with much else to do. */
const latencies = [14.4, 15.6, 17, 19.7, 22.7, 24.4, 27.6, 28.6, 31.1, 33.2, 37.1, 39.2, 58.2, 75.7];

/** An answer without days, less its padding; and one day of some hundred publishes. */
const emptyBytes = 14;
const dayBytes = 350;

/** One answer for each number of days from none to thirteen, as many as the usual retention leaves. */
export const shippedStatsProfile: readonly ProfileSample[] = latencies.map((latencyMs, index) => ({
  latencyMs,
  contentBytes: emptyBytes + ((index * 5) % latencies.length) * dayBytes,
}));
