/** Whether a process can work: nothing before everything has started, and no more once it is asked to stop. */
import type { Running } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { sharedResult } from './shared-result.ts';
import { within } from './time-limit.ts';

/** One thing that must work before the process is ready. */
export interface ReadinessCheck {
  /** Shown where it does not work. */
  readonly name: string;
  /** False or a rejection = not ready. */
  run(): Promise<boolean>;
}

/** Longest time of one check, and for how long its result is told again. */
const checkMs = 2_000;
const cacheMs = 1_000;

/** What one process says about itself; checks are asked at most once a second. */
export class Readiness implements Running {
  readonly #logger: Logger;
  readonly #checks: ReadinessCheck[] = [];
  #phase: 'starting' | 'started' | 'stopping' = 'starting';
  readonly #failing = sharedResult(cacheMs, () => this.#ask());

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Adds a check, before everything has started. */
  add(check: ReadinessCheck): void {
    this.#checks.push(check);
  }

  /** Everything runs: from now on the checks decide. */
  started(): void {
    if (this.#phase === 'starting') this.#phase = 'started';
  }

  /** Not ready any more, from this moment and for good. */
  drain(): void {
    this.#phase = 'stopping';
  }

  stop(): Promise<void> {
    this.drain();
    return Promise.resolve();
  }

  /** Names of what is missing; none = ready. */
  async missing(): Promise<readonly string[]> {
    if (this.#phase !== 'started') return [this.#phase];
    const failing = await this.#failing();
    // It may have begun to stop meanwhile.
    return this.#isStopping() ? ['stopping'] : failing;
  }

  #isStopping(): boolean {
    return this.#phase === 'stopping';
  }

  async #ask(): Promise<readonly string[]> {
    const results = await Promise.all(
      this.#checks.map(async ({ name, run }) => {
        try {
          return (await within(checkMs, run())) ? [] : [name];
        } catch (err) {
          this.#logger.debug({ check: name, err }, 'a readiness check failed');
          return [name];
        }
      }),
    );
    return results.flat();
  }
}
