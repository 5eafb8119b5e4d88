/** What recent real publishes looked like from outside, for chaff to look the same. */
import { PunctualWaits } from './punctual-waits.ts';

/** One real publish that was stored. */
export interface ProfileSample {
  /** From the last byte of the request to the first of the answer. */
  readonly latencyMs: number;
  /** Length of the answer without its padding. */
  readonly contentBytes: number;
  /** What {@link ChaffProfile.begin} gave when it came. */
  readonly load?: number;
}

/** How many real publishes are remembered of each load. */
const capacity = 64;

/** Fewer samples of a load say less than those of the loads beside it. */
const enough = 16;

/** Loads that are told apart: 0, 1, 2–3, 4–7 … real publishes under way. */
const loads = 12;

const nothing: ProfileSample = { latencyMs: 0, contentBytes: 0 };

/** The last samples of one load. Each is taken once before any is taken again: a rare delay is not shown by many. */
class RecentSamples {
  readonly #all: ProfileSample[] = [];
  #untaken: ProfileSample[] = [];

  get size(): number {
    return this.#all.length;
  }

  /** Forgets the oldest once there are enough. */
  add(sample: ProfileSample): void {
    for (const samples of [this.#all, this.#untaken]) {
      if (samples.length >= capacity) samples.shift();
      samples.push(sample);
    }
  }

  /** @param fraction uniform in [0, 1) */
  take(fraction: number): ProfileSample {
    if (this.#untaken.length === 0) this.#untaken = [...this.#all];
    const [sample = nothing] = this.#untaken.splice(Math.floor(fraction * this.#untaken.length), 1);
    return sample;
  }
}

/**
 * Remembers the last real publishes by how many others were under way when they came: the time of an answer depends
 * on that more than on anything else, and it changes faster than a memory does. Begins with a shipped set, so that
 * the first chaff looks right too. Only stored publishes count: a stranger who sends refuse cannot bend the profile.
 */
export class ChaffProfile {
  /** Where chaff waits for its moment. */
  readonly waits = new PunctualWaits();
  readonly #shipped: readonly ProfileSample[];
  readonly #byLoad = Array.from({ length: loads }, () => new RecentSamples());
  #underWay = 0;

  /** @param shipped at least one */
  constructor(shipped: readonly ProfileSample[]) {
    this.#shipped = shipped;
  }

  /** A real publish begins. @returns the load that it met, for {@link record} */
  begin(): number {
    const load = this.#load();
    this.#underWay += 1;
    this.waits.look();
    return load;
  }

  /** A real publish that began is answered, or given up. */
  end(): void {
    this.#underWay -= 1;
    this.waits.look();
  }

  /** Adds a real publish; replaces the oldest of its load once there are enough. */
  record(sample: ProfileSample): void {
    this.#byLoad[sample.load ?? 0]?.add(sample);
  }

  /** @param fraction uniform in [0, 1): picks one sample, latency and size together as they came */
  draw(fraction: number): ProfileSample {
    const recent = this.#nearest(this.#load());
    if (recent) return recent.take(fraction);
    return this.#shipped[Math.floor(fraction * this.#shipped.length)] ?? nothing;
  }

  /** The samples of a load, or of the nearest one that has enough. */
  #nearest(load: number): RecentSamples | undefined {
    for (let away = 0; away < loads; away++) {
      for (const other of [load - away, load + away]) {
        const recent = this.#byLoad[other];
        if (recent && recent.size >= enough) return recent;
      }
    }
    return undefined;
  }

  #load(): number {
    return Math.min(loads - 1, 32 - Math.clz32(this.#underWay));
  }
}
