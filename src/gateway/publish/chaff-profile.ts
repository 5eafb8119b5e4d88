/** What recent real publishes looked like from outside, for chaff to look the same. */

/** One real publish that was stored. */
export interface ProfileSample {
  /** From the last byte of the request to the first of the answer. */
  readonly latencyMs: number;
  /** Length of the answer without its padding. */
  readonly contentBytes: number;
}

/** How many real publishes are remembered. */
const capacity = 256;

/**
 * Remembers the last real publishes; begins with a shipped set, so that the first chaff looks right too.
 * Only stored publishes count: a stranger who sends refuse cannot bend the profile.
 */
export class ChaffProfile {
  readonly #samples: ProfileSample[];
  #next = 0;

  /** @param shipped at least one */
  constructor(shipped: readonly ProfileSample[]) {
    this.#samples = [...shipped].slice(0, capacity);
  }

  /** Adds a real publish; replaces the oldest sample once there are enough. */
  record(sample: ProfileSample): void {
    this.#samples[this.#next] = sample;
    this.#next = (this.#next + 1) % capacity;
  }

  /** @param fraction uniform in [0, 1): picks one sample, latency and size together as they came */
  draw(fraction: number): ProfileSample {
    const sample = this.#samples[Math.floor(fraction * this.#samples.length)];
    return sample ?? { latencyMs: 0, contentBytes: 0 };
  }
}
