/** Remembers what names stand for: bounded, loads each name once at a time, forgets unknown names soonest. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../platform/clock.ts';

/** How much is remembered, and how long. */
export interface NameCacheOptions {
  readonly clock: Clock;
  readonly seconds: number;
  /** For names that stand for nothing. */
  readonly unknownSeconds: number;
  /** Names at most, known and unknown each. */
  readonly size: number;
}

/** Known and unknown names are kept apart, so that made-up names cannot push real ones out. */
export class NameCache<T extends object> {
  readonly #load: (name: string) => Promise<T | undefined>;
  readonly #known: LRUCache<string, T>;
  readonly #unknown: LRUCache<string, true>;
  readonly #loading = new Map<string, Promise<T | undefined>>();

  constructor(
    load: (name: string) => Promise<T | undefined>,
    { clock, size, seconds, unknownSeconds }: NameCacheOptions,
  ) {
    this.#load = load;
    const perf = { now: () => clock.now().getTime() };
    const common = { max: size, perf, ttlResolution: 0 };
    this.#known = new LRUCache({ ...common, ttl: seconds * 1000 });
    this.#unknown = new LRUCache({ ...common, ttl: unknownSeconds * 1000 });
  }

  /** What the name stands for; undefined = nothing. Failed loads are not remembered. */
  async get(name: string): Promise<T | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#unknown.has(name)) return undefined;
    return await (this.#loading.get(name) ?? this.#startLoading(name));
  }

  #startLoading(name: string): Promise<T | undefined> {
    const loading = this.#loadAndRemember(name).finally(() => this.#loading.delete(name));
    this.#loading.set(name, loading);
    return loading;
  }

  async #loadAndRemember(name: string): Promise<T | undefined> {
    const value = await this.#load(name);
    if (value === undefined) this.#unknown.set(name, true);
    else this.#known.set(name, value);
    return value;
  }
}
